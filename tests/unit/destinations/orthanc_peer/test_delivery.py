"""Orthanc's names for what it holds."""

from __future__ import annotations

from sendit.destinations.orthanc_peer.delivery import orthanc_id


def test_orthanc_ids() -> None:
    """Of a patient, a study and an instance, as a real Orthanc 1.10.1 answered them for pydicom's CT_small.dcm."""
    patient, study = "1CT1", "1.3.6.1.4.1.5962.1.2.1.20040119072730.12322"
    series = "1.3.6.1.4.1.5962.1.3.1.1.20040119072730.12322"
    instance = "1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730.12322"
    assert orthanc_id(patient) == "fa558bce-587a86d3-ad0da9b3-9d043d9d-4f5c5718"
    assert orthanc_id(patient, study) == "8a8cf898-ca27c490-d0c7058c-929d0581-2bbf104d"
    assert orthanc_id(f" {patient} ", study, series, instance) == "f689ddd2-662f8fe1-8b18180d-ec2a2cee-937917af"
