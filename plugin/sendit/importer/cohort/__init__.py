"""Cohorts: lists of studies that are to be fetched from a PACS."""
