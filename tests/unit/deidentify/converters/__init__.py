"""Rules of other tools, converted."""
