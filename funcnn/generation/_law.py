"""The law of streaming, asked of a model before it generates: one prefill against one that is cut."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jax.extend.core import jaxprs_in_params  # pyright: ignore[reportPrivateImportUsage]

from .._core import Layer, Params, as_layer
from .._streaming import positions_of, stream_of
from ..combinators import watching
from ._request import together

_POSITIONS = 8  # so few that it costs little


def require_law(
    model: Layer, params: Params, prompt: jax.Array, beside: dict[str, Any], capacity: int, by_lengths: bool
) -> None:
    """Raise ValueError, with the path of the layer, unless a short sequence has the same value cut in two.

    Args:
      model: a layer whose value are logits.
      params: its parameters.
      prompt: ``[batch, positions]``: the sequence is its first row, repeated or cut.
      beside: what stands beside it for all positions.
      capacity: the most positions that the model is to take.
      by_lengths: whether the first part is to hold positions that do not count.
    """
    if capacity < 2 or any(isinstance(a, Tracer) for a in jax.tree.leaves((params, prompt, beside))):
        return
    x = jnp.resize(prompt[:1], (1, min(capacity, _POSITIONS)))
    x = together(x, jax.tree.map(lambda a: a[:1], beside))
    holds = partial(_holds, beside=frozenset(beside), by_lengths=by_lengths)
    if holds(model, params, x):
        return

    def watch(name, layer, params, x, **options):
        y = layer.apply(params, x, **options)  # the layers inside come first
        concrete = not any(isinstance(a, Tracer) for a in jax.tree.leaves((params, x)))
        try:
            broken = concrete and not holds(layer, params, x)
        except ValueError:  # the model can stream, so this layer takes no part in that: it is one of an encoder
            return y
        if broken:
            raise ValueError(_broken(layer))
        return y

    with jax.disable_jit(), watching(watch):
        as_layer(model).apply(params, x)
    raise ValueError(_broken(as_layer(model)))


def _broken(layer):
    if layer.stream is None:
        return (
            "its value at one position depends on others, so a sequence in parts has another value than the whole: give "
            "the layer a stream, or cannot_stream(...)"
        )
    return "its stream does not equal its apply: a sequence in parts has another value than the whole"


@partial(jax.jit, static_argnames=("model", "beside", "by_lengths"))
def _holds(model, params, x, beside, by_lengths):
    """Whether x, but for what stands beside it, has in two parts the value that it has as a whole."""
    layer = as_layer(model)
    start, step = stream_of(layer)
    whole, carry = _without(beside, layer.apply(params, x)), start(params, x)
    batch, n = axes = positions_of(x)
    cut, alone = n // 2, _without(beside, x)

    def part(tree, here):
        return jax.tree.map(lambda a: a[:, here] if a.shape[:2] == axes else a, tree)

    left, right = slice(cut), slice(cut, n)
    if by_lengths:
        carry, y = step(params, carry, alone, jnp.full(batch, cut))
        first = part(y, left)
    else:
        carry, first = step(params, carry, part(alone, left))
    _, second = step(params, carry, part(alone, right))
    pairs = zip(*map(jax.tree.leaves, ((first, second), (part(whole, left), part(whole, right)))), strict=True)
    tolerance = _coarsest(jax.make_jaxpr(layer.apply)(params, x).jaxpr) ** 0.5  # half the digits
    return jnp.stack([_alike(a, b, tolerance) for a, b in pairs]).all()


def _without(beside, tree):
    """The tree without the entries that stand beside x."""
    if not isinstance(tree, Mapping) or not beside & set(tree):
        return tree
    rest = {name: value for name, value in tree.items() if name not in beside}
    return rest["x"] if set(rest) == {"x"} else rest


def _alike(a, b, tolerance):
    """Whether two arrays are equal, to a tolerance of the largest finite entry."""
    if a.shape != b.shape or not jnp.issubdtype(a.dtype, jnp.floating):
        return jnp.array_equal(a, b)
    largest = jnp.max(jnp.abs(b), initial=0, where=jnp.isfinite(b))
    return jnp.all((a == b) | (jnp.abs(a - b) <= tolerance * largest) | (jnp.isnan(a) & jnp.isnan(b)))


def _coarsest(jaxpr) -> float:
    """The largest eps of the dtypes that a program computes in."""
    dtypes = {v.aval.dtype for eqn in jaxpr.eqns for v in eqn.outvars if hasattr(v.aval, "dtype")}
    own = [float(jnp.finfo(dtype).eps) for dtype in dtypes if jnp.issubdtype(dtype, jnp.floating)]
    inside = (_coarsest(body) for eqn in jaxpr.eqns for body in jaxprs_in_params(eqn.params))
    return max([*own, *inside], default=0.0)
