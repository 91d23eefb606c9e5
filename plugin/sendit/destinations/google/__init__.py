"""Common parts of all Google services: credentials and errors."""
