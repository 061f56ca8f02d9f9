"""What an error is about, said in a note on it."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def noted(note: str) -> Iterator[None]:
    """An exception from within gets the note. As a decorator it does so for each call."""
    try:
        yield
    except Exception as error:
        error.add_note(note)
        raise
