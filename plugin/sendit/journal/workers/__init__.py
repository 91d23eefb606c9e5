"""Many workers on one database: which live, whose batches are whose, and what only one of them may do at a time."""
