"""The REST API and the pages, served through Orthanc at /sendit/."""
