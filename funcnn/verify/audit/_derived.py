"""Derivatives of a function as they are compared: by reverse mode, by forward mode, and the one beside the other."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._call import inexact, is_inexact
from ._nearby import Derived, noise

_MOST_ELEMENTS = 64  # of an argument, beyond which cotangents are compared along directions
_DIRECTIONS = 8


def by_vjp(g: Callable[..., Any], given: list[Any], along: list[Any], y_bar: Sequence[Any]) -> Derived:
    """The cotangents, of the values that are finite."""
    y, pull = jax.vjp(g, given)
    weights = _weights(y_bar, y)
    bars = pull(like(weights, y))[0]
    return Derived(_numbers(y), [[bar] for bar in bars], _phi(inexact(y), weights), _dot(bars, along))


def by_vjp_along(g: Callable[..., Any], given: list[Any], along: list[Any], y_bar: Sequence[Any]) -> Derived:
    """The same, each argument's cotangent as its products with some directions."""
    derived = by_vjp(g, given, along, y_bar)
    products = [jnp.stack([jnp.sum((bar * d).real) for d in _basis(bar)]) for (bar,) in derived.parts]
    return derived._replace(parts=[[a] for a in products])


def by_jvp_along(g: Callable[..., Any], given: list[Any], along: list[Any], y_bar: Sequence[Any]) -> Derived:
    """What `by_vjp_along` gives, by forward mode: for loops that have no reverse mode."""
    y = g(given)
    weights = _weights(y_bar, y)

    def slope(directions: list[Any]) -> jax.Array:
        return _dot(inexact(jax.jvp(g, (given,), (directions,))[1]), weights)

    zeros = [jnp.zeros_like(a) for a in given]
    only = lambda i: lambda d: slope([*zeros[:i], d, *zeros[i + 1 :]]).astype(given[i].real.dtype)
    parts = [[jax.vmap(only(i))(jnp.stack(_basis(a)))] for i, a in enumerate(given)]
    towards = slope([d.astype(a.dtype) for d, a in zip(along, given, strict=True)])
    return Derived(_numbers(y), parts, _phi(inexact(y), weights), towards)


def by_jvp(g: Callable[..., Any], given: list[Any], along: list[Any]) -> Derived:
    """The tangents along one argument after another, of the values that are finite."""

    def pushed(along: list[Any]) -> tuple[Any, list[jax.Array]]:
        y, y_dot = jax.jvp(g, (given,), (along,))
        return y, [_where_finite(y, a) for a, y in zip(inexact(y_dot), inexact(y), strict=True)]

    directions = [d.astype(a.dtype) for d, a in zip(along, given, strict=True)]
    value, tangents = pushed(directions)  # the value that the rule gives, which need not be the function's
    ones = [_where_finite(a, noise(a, i)) for i, a in enumerate(given)]
    parts = [pushed([one * float(i == j) for j, one in enumerate(ones)])[1] for i in range(len(given))]
    y = inexact(value)
    weights = [noise(a, 3) for a in y]
    return Derived(_numbers(value), parts, _phi(y, weights), _dot(tangents, weights))


def like(y_bar: Sequence[Any], y: Any) -> Any:
    """A cotangent of y, in its dtypes, from those of its floating-point and complex arrays."""
    rest = iter(y_bar)
    zero = lambda a: np.zeros(np.shape(a), jax.dtypes.float0)
    return jax.tree.map(lambda a: next(rest).astype(a.dtype) if is_inexact(a) else zero(a), y)


def _basis(a: jax.Array) -> list[jax.Array]:
    if a.size <= _MOST_ELEMENTS:
        return [one.reshape(a.shape) for one in jnp.eye(a.size, dtype=a.dtype)]
    return [noise(a, 7 + k) for k in range(_DIRECTIONS)]


def _weights(y_bar: Sequence[Any], y: Any) -> list[jax.Array]:
    return [_where_finite(y, a) for a, y in zip(y_bar, inexact(y), strict=True)]


def _numbers(y: Any) -> list[Any]:
    """All the numbers of a value, which a rule may not change: integers too."""
    whole = lambda a: hasattr(a, "dtype") and jnp.issubdtype(a.dtype, jnp.integer)
    return [*inexact(y), *(a.astype(jnp.float32) for a in jax.tree.leaves(y) if whole(a))]


def _where_finite(y: Any, a: Any) -> jax.Array:
    return jnp.where(jnp.isfinite(y), a, jnp.zeros_like(a))


def _phi(ys: Sequence[Any], weights: Sequence[Any]) -> jax.Array:
    """A number that the values make; those that are not finite add nothing."""
    return _dot([_where_finite(y, y) for y in ys], weights)


def _dot(xs: Sequence[Any], ys: Sequence[Any]) -> jax.Array:
    products = [jnp.sum((x * y.astype(x.dtype)).real.astype(jnp.float32)) for x, y in zip(xs, ys, strict=True)]
    return sum(products, start=jnp.zeros((), jnp.float32))
