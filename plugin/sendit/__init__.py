"""SendIt: de-identifies the studies of an Orthanc server, checks every output for leaks and delivers it."""

__version__ = "1.0.0"
