"""An index of rows in BigQuery."""
