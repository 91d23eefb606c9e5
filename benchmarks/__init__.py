"""Measurements: `make bench`. Every figure is a ratio against something run beside it, in turn."""
