"""What every rule asks of its arguments, and how it says what came instead."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer


def describe(a) -> str:
    """An argument in an error message: ``float32[3, 5]``, or the type of what is not an array."""
    if is_array(a):
        return f"{a.dtype}{list(a.shape)}"
    if isinstance(a, list):
        return "a list: jnp.asarray makes an array of it"
    if type(a) is tuple:
        return f"a tuple of {len(a)}"
    plain = (kind for kind in (bool, int, float, complex) if isinstance(a, kind))  # JAX hands on subclasses of its own
    return next(plain, type(a)).__name__


def shapes(rule: str, **arguments: tuple[Any, str]) -> None:
    """Raise unless every argument is floating, of the first one's dtype, and of the shape written beside it.

    A shape is written as names of axes: ``shapes("linear", x=(x, "... n"), w=(w, "n m"), b=(b, "m | 1 m | None"))``.

    - A name keeps its size from argument to argument; a number is a size.
    - ``...`` and ``*name`` stand for any number of axes, and keep their sizes too.
    - ``|`` divides alternatives; ``[]`` is a number, ``None`` an argument left out.
    - A name that an argument could have had, but in the alternative that fits has not, stands for no axis from there on.

    Raises:
      TypeError: an argument is not floating, or not of the first one's dtype.
      ValueError: a shape does not fit; the message says which, what it follows, and what came.
    """
    given: dict[str, tuple[Any, str]] = {
        name: (a, spec) for name, (a, spec) in arguments.items() if a is not None or "None" not in spec
    }
    require_floating(rule, **{name: a for name, (a, _) in given.items()})
    sizes: dict[str, tuple[int, ...]] = {}
    origins: dict[str, str] = {}
    for name, (a, spec) in given.items():
        alternatives = [axes.replace("[]", "").split() for axes in spec.split("|") if axes.strip() != "None"]
        found = next((found for axes in alternatives if (found := _sizes(axes, jnp.shape(a), sizes)) is not None), None)
        if found is None:
            expected = " or ".join(dict.fromkeys(_written(axes, sizes) for axes in alternatives))
            leaders = dict.fromkeys(origins[axis] for axes in alternatives for axis in axes if axis in sizes)
            alike = [leader for leader in leaders if given[leader][1] == spec.removesuffix(" | None")]
            described = _following(expected, leaders, alike, given)
            raise ValueError(f"{rule}: {name} must be {described}, got {describe(a)}")
        left_out = {axis: () for axes in alternatives for axis in axes if not axis.isdigit()}
        sizes = left_out | sizes | found
        origins |= {axis: name for axis in sizes if axis not in origins}
    _require_same_dtype(rule, **{name: jnp.asarray(a) if isinstance(a, float) else a for name, (a, _) in given.items()})


def _sizes(
    axes: list[str], shape: tuple[int, ...], known: dict[str, tuple[int, ...]]
) -> dict[str, tuple[int, ...]] | None:
    """The sizes of all named axes, those known so far included; None if the shape does not fit."""
    many = next((i for i, axis in enumerate(axes) if axis[0] in ".*"), None)
    after = 0 if many is None else len(axes) - many - 1
    if len(shape) < len(axes) - 1 or (many is None and len(shape) != len(axes)):
        return None
    parts: list[tuple[int, ...]] = [(n,) for n in shape]
    if many is not None:
        parts[many : len(shape) - after] = [shape[many : len(shape) - after]]
    found: dict[str, tuple[int, ...]] = {}
    for axis, part in zip(axes, parts, strict=True):
        expected = (int(axis),) if axis.isdigit() else (known | found).get(axis, part)
        if part != expected:
            return None
        if not axis.isdigit():
            found[axis] = part
    return found


def _written(axes: list[str], sizes: dict[str, tuple[int, ...]]) -> str:
    """A shape in an error message, of sizes where they are known and of names elsewhere."""
    return f"[{', '.join(str(n) for axis in axes for n in sizes.get(axis, (axis,)))}]"


def _following(expected: str, leaders, alike: list[str], given) -> str:
    """What is expected, and whose shape it follows."""
    if alike and len(leaders) == 1:
        return f"{expected}, the shape of {alike[0]}"
    if not leaders:
        return expected
    return f"{expected} to follow " + " and ".join(f"{name} {list(jnp.shape(given[name][0]))}" for name in leaders)


def _require_same_dtype(rule: str, **arguments) -> None:
    """Raise TypeError unless every argument has the first one's dtype: nothing is promoted silently."""
    (first, like), *others = arguments.items()
    for name, a in others:
        if a.dtype != like.dtype:
            cast = f"{name}.astype({str(like.dtype)!r})"
            raise TypeError(f"{rule}: {name} must have the dtype of {first}, {like.dtype}, got {describe(a)}: {cast}")


def require_floating(rule: str, **arguments) -> None:
    """Raise TypeError unless every argument is a floating-point array (or a Python float)."""
    for name, a in arguments.items():
        dtype = getattr(a, "dtype", None)
        if not isinstance(a, float) and (dtype is None or not jnp.issubdtype(dtype, jnp.floating)):
            cast = _cast(name, a, arguments.values()) if dtype is not None else ""
            raise TypeError(f"{rule}: {name} must be a floating-point array, got {describe(a)}{cast}")


def _cast(name: str, a, others) -> str:
    """How to make integers or truth values floating: ``: labels.astype('float32')``, in the dtype of the others."""
    if not (jnp.issubdtype(a.dtype, jnp.integer) or a.dtype == bool):
        return ""
    dtypes = (b.dtype for b in others if hasattr(b, "dtype") and jnp.issubdtype(b.dtype, jnp.floating))
    return f": {name}.astype({str(next(dtypes, 'float32'))!r})"


def require_shape(rule: str, name: str, a, expected: str, holds: bool) -> None:
    """Raise ValueError with the expected shape, in words, unless it holds."""
    if not holds:
        raise ValueError(f"{rule}: {name} must be {expected}, got {describe(a)}")


def is_array(a) -> bool:
    """Whether it is one: the numbers that JAX hands on to a rule have a dtype, too, and no shape."""
    return hasattr(a, "dtype") and hasattr(a, "shape")


def are_integers(a) -> bool:
    """Whether it is an array of integers."""
    return is_array(a) and jnp.issubdtype(a.dtype, jnp.integer)


def is_int(value) -> bool:
    """Whether ``value`` is an integer, Python's or NumPy's; True and False are not."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def require_axis(rule: str, axis, ndim: int, name: str = "axis") -> None:
    """Raise TypeError or ValueError unless ``axis`` is one axis, or several different ones, of ``ndim``."""
    axes = axis if isinstance(axis, tuple) else (axis,)
    if not all(map(is_int, axes)):
        raise TypeError(f"{rule}: {name} must be an int or a tuple of ints, got {axis!r}")
    if not all(-ndim <= i < ndim for i in axes) or len({i % ndim for i in axes}) < len(axes):
        raise ValueError(f"{rule}: {name} must name different axes of an array of rank {ndim}, got {axis!r}")


def require_number(
    rule: str, name: str, value, condition: str = "", holds: Callable[[float], bool] = lambda v: True
) -> None:
    """Raise TypeError unless ``value`` is a plain int or float, and ValueError unless the condition holds of it."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{rule}: {name} must be a number, got {describe(value)}{_as_number(name, value)}")
    if value != value or not holds(value):
        raise ValueError(f"{rule}: {name} must be a number {condition}".rstrip() + f", got {value!r}")


def _as_number(name: str, a) -> str:
    """How to make a number of an array without axes."""
    if not is_array(a) or a.shape:
        return ""
    return ", traced: it must be known when the function is traced" if isinstance(a, Tracer) else f": float({name})"


def require_bool(rule: str, **options) -> None:
    """Raise TypeError unless every option is True or False, Python's or NumPy's."""
    for name, value in options.items():
        if not isinstance(value, (bool, np.bool_)):
            came = describe(value) if is_array(value) else repr(value)
            raise TypeError(f"{rule}: {name} must be True or False, got {came}")


def require_key(rule: str, key, name: str = "key") -> None:
    """Raise TypeError unless ``key`` is one key of `jax.random`, typed or, as once, two raw numbers."""
    dtype = getattr(key, "dtype", None)
    typed = dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key) and key.shape == ()
    raw = dtype == jnp.uint32 and key.ndim == 1
    if not (typed or raw):
        raise TypeError(f"{rule}: {name} must be a jax.random.key, got {describe(key)}")
