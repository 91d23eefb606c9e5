"""Retained values, cleaned of identifiers."""
