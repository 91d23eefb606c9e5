"""The one exception of the demonstration."""


class Failure(Exception):
    """The demonstration can't go on. The text says why, and what to do about it where that is known."""
