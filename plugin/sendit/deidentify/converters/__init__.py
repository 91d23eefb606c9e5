"""Rules of other tools, converted to recipes: CTP, the RSNA Anonymizer, dicom-anonymizer."""
