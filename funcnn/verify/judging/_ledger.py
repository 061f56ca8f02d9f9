"""What a check has found so far, what it left out, and how long it may go on."""

LEVELS = {"fast": 0, "full": 1, "deep": 2}


class EnoughError(BaseException):
    """A failure was found, and one is enough."""
