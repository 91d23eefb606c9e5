"""Databases that tell what lies in a bucket."""
