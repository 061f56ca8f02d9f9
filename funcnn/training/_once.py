"""What is made once for the same arguments, so that it is compiled once."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def once(make: Callable[P, T]) -> Callable[P, T]:
    """The function, which returns for the same arguments what it returned before, of its last 16 results.

    Functions are the same if they are one object. For arguments that cannot be hashed it makes a new result.
    """
    remembered = lru_cache(maxsize=16)(make)

    @wraps(make)
    def made(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            hash((args, tuple(kwargs.items())))
        except TypeError:
            return make(*args, **kwargs)
        return remembered(*args, **kwargs)  # pyright: ignore[reportArgumentType]

    return made
