"""The content and the state of destinations."""
