"""The demonstration of `make run`: a source Orthanc with SendIt, a target Orthanc, and sample studies on their way."""
