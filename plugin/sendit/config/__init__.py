"""The configuration: the "SendIt" section of orthanc.json, and the parts of Orthanc's own that SendIt reads."""
