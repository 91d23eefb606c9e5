"""Commands on many batches at once, and their filters."""
