"""Lists that stay fast with a million batches: searches, counts, totals by day, pauses, and what changed."""
