"""The processes that de-identify instances, their limits, and the look at whole series."""
