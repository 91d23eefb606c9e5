"""How studies come in besides DICOM and REST: watched folders."""
