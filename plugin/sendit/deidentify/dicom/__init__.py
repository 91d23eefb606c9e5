"""Reading and writing DICOM files: elements, transfer syntaxes, character sets."""
