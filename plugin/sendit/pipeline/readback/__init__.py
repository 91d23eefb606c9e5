"""What destinations hold, and how they are."""
