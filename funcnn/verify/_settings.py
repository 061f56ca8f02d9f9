"""The settings under which both sides of a check run."""

from collections.abc import Iterator
from contextlib import contextmanager

import jax


@contextmanager
def settings() -> Iterator[None]:
    """Double precision and JAX's default promotion, whatever the caller's settings are."""
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield
