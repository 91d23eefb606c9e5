"""Masking of regions in pixels."""
