"""Cleaning of free text: what stays of a description, and how names and numbers are recognised."""
