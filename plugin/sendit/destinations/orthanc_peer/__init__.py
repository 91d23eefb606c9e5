"""Another Orthanc, over its REST API."""
