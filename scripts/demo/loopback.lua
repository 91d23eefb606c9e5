-- Orthanc cannot bind its DICOM port to an address: what comes from another machine is not stored.
function ReceivedInstanceFilter(dicom, origin, info)
  return origin["RequestOrigin"] ~= "DicomProtocol" or string.find(origin["RemoteIp"], "^127%.") ~= nil
end
