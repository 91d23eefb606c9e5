"""Backups of journal and keys, and the high-water mark by which an old journal is known."""
