"""Real server processes that the tests drive."""
