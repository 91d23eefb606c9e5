"""Tells persons what needs them: what is wrong now, what of it is news, and how it reaches them."""
