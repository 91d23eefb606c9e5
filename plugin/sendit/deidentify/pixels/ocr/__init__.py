"""Text detection in pixels."""
