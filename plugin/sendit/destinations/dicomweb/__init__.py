"""A DICOMweb service: STOW-RS, WADO-RS."""
