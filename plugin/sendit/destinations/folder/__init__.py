"""A directory, which may be a mounted share."""
