"""Warnings, at the line that a user wrote."""

import inspect
import os
import warnings
from traceback import walk_stack

import jax

_INSIDE = tuple(os.path.join(os.path.dirname(file), "") for file in (__file__, jax.__file__))


def warn(message: str) -> None:
    """Warn at the innermost line that is neither this library's nor JAX's, however many calls lie between."""
    files = (frame.f_code.co_filename for frame, _ in walk_stack(inspect.currentframe()))
    level = next((i for i, file in enumerate(files, start=1) if not file.startswith(_INSIDE)), 1)
    warnings.warn(message, stacklevel=level)
