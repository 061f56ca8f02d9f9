"""A likely cause of a wrong cotangent, read off the pattern of its error."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np


def guess_cause(got: np.ndarray, expected: np.ndarray, x: np.ndarray, others: Sequence[np.ndarray] = ()) -> str:
    """A likely cause of a cotangent's being wrong; empty where nothing fits.

    Args:
      got, expected: the whole cotangent of one argument, by the rule and in truth.
      x: that argument.
      others: the other arguments' true cotangents.
    """
    got, expected, x = (np.asarray(a, np.float64) for a in (got, expected, x))
    if not np.isfinite(expected).all() or not got.size:
        return ""
    if not np.isfinite(got).all():
        return "not finite only where x is 0" if _only(~np.isfinite(got), x == 0) else "overflow, or 0 times infinity"
    if not got.any():
        return "all zero: stop_gradient, or None returned"
    return next(_guesses(got, expected, x, others), "")


def _guesses(got: np.ndarray, expected: np.ndarray, x: np.ndarray, others: Sequence[np.ndarray]) -> Iterator[str]:
    close = _closeness(expected)
    solid = np.abs(expected) > 1e-6 * np.abs(expected).max(initial=0)
    ratio = got[solid] / expected[solid]
    off = ~np.isclose(got, expected, rtol=1e-5, atol=1e-7 * np.abs(expected).max(initial=0))
    factor, name = (f"{ratio[0]:.6g}", _name_of(ratio[0], got.shape)) if ratio.size else ("1", "")
    if factor != "1" and close(got, ratio[0] * expected) and (ratio.size > 1 or name):
        yield f"a factor of {factor}{name}"
    if ratio.size and np.abs(ratio - 1).max() < 2.0**-7 and not (off & ~solid).any():
        yield "rounded on its way to half precision" if np.abs(ratio - 1).max() > 2.0**-13 else "rounded to float32"
    if got.ndim >= 2 and got.shape[-1] == got.shape[-2] and close(np.swapaxes(got, -1, -2), expected):
        yield "transposed"
    for axis in range(got.ndim):
        if close(np.flip(got, axis), expected):
            yield f"flipped along axis {axis}"
        for step in (1, -1):
            if got.shape[axis] > 2 and close(np.roll(got, step, axis), expected):
                yield f"rolled along axis {axis} by {-step}"
    if any(close(got, other) for other in others):
        yield "another argument's cotangent: swapped"
    for axis in range(got.ndim):
        mean = np.broadcast_to((got - expected).mean(axis, keepdims=True), got.shape)
        if got.shape[axis] > 1 and close(mean, got - expected):
            yield f"off by something constant along axis {axis}: is a mean or a sum missing"
    if _only(off, x == 0):
        yield "wrong only where x is 0"
    if _only(off, expected == 0):
        yield "wrong only where it should be 0: is a mask missing"
    if x.size > 1 and _only(off, _tied(x)):
        yield "wrong only at ties"
    if got.ndim and got.shape[-1] > 2 and _only(off, _border(got.shape)):
        yield "wrong only at the border"
    if off.sum() == 1 and off.size > 2:
        yield "wrong in one element alone"


def _closeness(expected: np.ndarray) -> Callable[[np.ndarray, np.ndarray], bool]:
    size = np.abs(expected).max(initial=0)
    return lambda a, b: a.shape == b.shape and np.allclose(a, b, rtol=1e-4, atol=1e-6 * size)


def _only(off: np.ndarray, where: np.ndarray) -> bool:
    """Whether all that is off lies in a place that is special, and not everything is."""
    return bool(off.any() and where.shape == off.shape and not (off & ~where).any() and not where.all())


def _tied(x: np.ndarray) -> np.ndarray:
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    return (counts[inverse] > 1).reshape(x.shape)


def _border(shape: tuple[int, ...]) -> np.ndarray:
    border = np.zeros(shape, bool)
    border[..., 0] = border[..., -1] = True
    return border


def _name_of(ratio: float, shape: tuple[int, ...]) -> str:
    """What a constant ratio could stand for."""
    sizes = {n: str(n) for n in {*shape, int(np.prod(shape))} if n > 2}
    named = {-1.0: "the sign", 2.0: "a 2 too many", 0.5: "a 2 forgotten"}
    for n, text in sizes.items():
        named |= {float(n): f"times {text}", 1 / n: f"divided by {text}", n**0.5: f"√{text}", n**-0.5: f"1/√{text}"}
        named |= {n / (n - 1): f"{text} - 1 for {text}", (n - 1) / n: f"{text} for {text} - 1"}
    return next((f" ({text})" for value, text in named.items() if np.isclose(ratio, value, rtol=1e-4)), "")
