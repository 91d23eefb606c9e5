"""The Orthanc that SendIt lives in."""
