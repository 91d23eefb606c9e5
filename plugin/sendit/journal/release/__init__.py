"""Whether the outputs of a batch may leave: what holds them, what waits for a person, and what persons decided."""
