"""A DICOM modality: C-STORE, C-FIND, storage commitment."""
