"""How far an array is from what it should be, and what an exception says, in a line."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

_TRACEBACK = "Traceback (most recent call last)"


def relative_errors(got: ArrayLike, expected: ArrayLike) -> NDArray[np.float64]:
    """Each element's difference, relative to the largest element expected; inf where just one of the two is finite.

    Args:
      got: any shape, floating or complex.
      expected: of the same shape.

    Returns:
      float64, of that shape; 0 where both are the same infinity, inf where either is NaN.
    """
    double = np.complex128 if np.iscomplexobj(got) or np.iscomplexobj(expected) else np.float64
    a, b = np.asarray(got, double), np.asarray(expected, double)
    finite = np.isfinite(a) & np.isfinite(b)
    scale = np.max(np.abs(b), where=np.isfinite(b), initial=0.0)
    difference = np.abs(np.subtract(a, b, where=finite, out=np.zeros_like(a)))
    with np.errstate(over="ignore"):
        errors = difference / max(scale, np.finfo(np.float64).tiny)
    errors = np.minimum(errors, np.finfo(np.float64).max)  # two finite numbers differ by a finite one
    return np.where(finite | (a == b), errors, np.inf)


def one_line(error: BaseException) -> str:
    """An error's type and the first line of its text; of an error from the host, that one's own."""
    lines = str(error).splitlines()
    traced = [i for i, line in enumerate(lines) if line.startswith("  File ")]
    if traced and _TRACEBACK in lines[0]:  # what XLA tells of a callback that raised
        return next(iter(lines[traced[-1] + 1 :]), type(error).__name__)[:160]
    return f"{type(error).__name__}: {lines[0][:160] if lines else ''}"


def first_line(error: BaseException) -> str:
    """The first line of an error's text, or its type where it has none, in at most 120 characters."""
    return next(iter(str(error).splitlines()), type(error).__name__)[:120]
