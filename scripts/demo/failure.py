"""The one exception of the demonstration."""


class Failure(Exception):
    """The demonstration cannot continue. The message gives the reason and, if known, the remedy."""
