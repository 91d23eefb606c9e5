"""SendIt: de-identifies the studies of an Orthanc server, proves them clean and delivers them."""

__version__ = "0.1.0"
