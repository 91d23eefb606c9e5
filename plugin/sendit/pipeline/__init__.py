"""One batch's life, from a stable study to delivered instances, and back."""
