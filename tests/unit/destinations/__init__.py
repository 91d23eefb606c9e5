"""The parts of destinations that need no server."""
