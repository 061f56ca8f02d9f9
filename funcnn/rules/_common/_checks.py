"""What every rule asks of its arguments, and how it says what came instead."""

import jax
import jax.numpy as jnp


def describe(a) -> str:
    """An argument in an error message: ``float32[3, 5]``, or the type of what is not an array."""
    if hasattr(a, "dtype") and hasattr(a, "shape"):
        return f"{a.dtype}{list(a.shape)}"
    return type(a).__name__


def axes(*sizes) -> str:
    """A shape in an error message, of sizes and names: ``[3, m]``."""
    return f"[{', '.join(map(str, sizes))}]"


def require_floating(rule: str, **arguments) -> None:
    """Raise TypeError unless every argument is a floating-point array (or a Python float)."""
    for name, a in arguments.items():
        dtype = getattr(a, "dtype", None)
        if not isinstance(a, float) and (dtype is None or not jnp.issubdtype(dtype, jnp.floating)):
            raise TypeError(f"{rule}: {name} must be a floating-point array, got {describe(a)}")


def require_same_dtype(rule: str, **arguments) -> None:
    """Raise TypeError unless every argument has the first one's dtype: nothing is promoted silently."""
    (first, like), *others = arguments.items()
    for name, a in others:
        if a.dtype != like.dtype:
            raise TypeError(f"{rule}: {name} must have the dtype of {first}, {like.dtype}, got {describe(a)}")


def require_pair(rule: str, **pair) -> None:
    """Raise TypeError or ValueError unless all arguments are floating, of the first one's shape and dtype."""
    (first, like), *others = pair.items()
    require_floating(rule, **pair)
    for name, a in others:
        require_shape(rule, name, a, f"{list(like.shape)}, the shape of {first}", a.shape == like.shape)
    require_same_dtype(rule, **pair)


def require_shape(rule: str, name: str, a, expected: str, holds: bool) -> None:
    """Raise ValueError with the expected shape, in words, unless it holds."""
    if not holds:
        raise ValueError(f"{rule}: {name} must be {expected}, got {describe(a)}")


def require_axis(rule: str, axis, ndim: int, name: str = "axis") -> None:
    """Raise TypeError or ValueError unless ``axis`` is one axis, or several different ones, of ``ndim``."""
    axes = axis if isinstance(axis, tuple) else (axis,)
    if not all(isinstance(i, int) for i in axes):
        raise TypeError(f"{rule}: {name} must be an int or a tuple of ints, got {axis!r}")
    if not all(-ndim <= i < ndim for i in axes) or len({i % ndim for i in axes}) < len(axes):
        raise ValueError(f"{rule}: {name} must name different axes of an array of rank {ndim}, got {axis!r}")


def require_number(rule: str, name: str, value, condition: str = "", holds: bool = True) -> None:
    """Raise TypeError unless ``value`` is a plain int or float, and ValueError unless the condition holds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{rule}: {name} must be a number, got {describe(value)}")
    if not holds or value != value:
        raise ValueError(f"{rule}: {name} must be a number {condition}".rstrip() + f", got {value!r}")


def require_per_feature(rule: str, name: str, a, x) -> None:
    """Raise ValueError unless ``a`` is one number, or one for each entry of x's last axis."""
    fits = a.shape == () or a.shape == x.shape[-1:]
    require_shape(rule, name, a, f"[] or {list(x.shape[-1:])} to follow x {list(x.shape)}", fits)


def require_key(rule: str, key) -> None:
    """Raise TypeError unless ``key`` is one key of `jax.random`, typed or, as once, two raw numbers."""
    dtype = getattr(key, "dtype", None)
    typed = dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key) and key.shape == ()
    raw = dtype == jnp.uint32 and key.ndim == 1
    if not (typed or raw):
        raise TypeError(f"{rule}: key must be a jax.random.key, got {describe(key)}")
