"""What the loops over tiles carry: sums that each tile adds to, where they start, and what they end as."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax

from .._common._cotangent import cotangent
from ._arguments import Call
from ._logits import Parts, a_head
from ._mask import Options, tiles
from ._tiles import COLUMNS, add, blank, by_head, by_score, from_heads, from_scores


class Bars(NamedTuple):
    """The cotangents of what scores and values are made of, laid out as it is; None for what a call is without.

    Those of keys and values are laid out as [..., features, keys].
    """

    query: Any
    key: Any
    value: Any
    bias: Any
    alibi: Any


def pairs(call: Call, options: Options):
    """The blocks of queries and keys, row by row: a block of queries stays in the cache, and its sums."""
    return tiles(call.query.shape[1], call.key.shape[1], options, anywhere=call.offset is not None)


def pairs_by_keys(call: Call, options: Options):
    """The same, column by column: a block of keys stays in the cache, and its two cotangents."""
    i, j = pairs(call, options)
    order = np.argsort(j, kind="stable")
    return i[order], j[order]


def before_any_key(call: Call, parts: Parts):
    """y, the largest logit and the sum of exponentials, of the sinks alone."""
    fresh = lambda n: blank((*parts.query.shape[:4], n), 0, parts.query, parts)
    if call.sinks is None:
        return fresh(call.value.shape[3]), fresh(1) - jnp.inf, fresh(1)
    sink = by_score(a_head(call.sinks), call.key.shape[2], (1, 1))
    top = lax.stop_gradient(sink)
    return fresh(call.value.shape[3]), fresh(1) + top, fresh(1) + jnp.exp(sink - level(top))


def level(top):
    """What may be subtracted from a logit: 0 in the place of -inf, the logarithm of no terms."""
    return jnp.where(jnp.isneginf(top), 0, top)


def below(s, top):
    """s - top, which is above 0 by rounding alone: computed twice, large logits may differ by more than e^x can take."""
    return jnp.where(s > top, 0, s - top)


def rows(call: Call, y_bar, lse, delta, options: Options):
    """What the backward pass reads of each row beside the parts, laid out as these are."""
    a_row = lambda a: by_score(jnp.swapaxes(a, 1, 2)[..., None], call.key.shape[2], options.block)
    return by_head(y_bar, call.key.shape[2], options.block[0]), a_row(lse), a_row(delta)


def no_bars(parts: Parts, of_rows) -> Bars:
    """Zeros, to which the cotangents of tiles are added."""
    zeros = lambda a: None if a is None else blank(a.shape, 0, a, (parts, of_rows))
    key, value = (_across(zeros(a)) for a in (parts.key, parts.value))
    return Bars(zeros(parts.query), key, value, zeros(parts.bias), zeros(parts.alibi))


def added(bars: Bars, of_tile: Bars, at, options: Options) -> Bars:
    """The cotangents, and those of one more tile."""
    of_query, of_both = (at[:1], options.block[:1]), (at, options.block)
    of_keys = at[1:], options.block[1:], (COLUMNS,)
    return Bars(
        add(bars.query, of_tile.query, *of_query),
        add(bars.key, of_tile.key, *of_keys),
        add(bars.value, of_tile.value, *of_keys),
        add(bars.bias, of_tile.bias, *of_both),
        add(bars.alibi, of_tile.alibi, *of_both),
    )


def as_given(call: Call, bars: Bars, sinks_bar):
    """The cotangents of a call's arrays, each as its array is."""
    of_call = Call(
        query=from_heads(bars.query, call.query.shape[1]),
        key=from_heads(_across(bars.key), call.key.shape[1]),
        value=from_heads(_across(bars.value), call.value.shape[1]),
        bias=from_scores(bars.bias, call.bias),
        sinks=sinks_bar,
        alibi=None if bars.alibi is None else bars.alibi.reshape(call.alibi.shape),
    )
    return tuple(None if bar is None else cotangent(bar, a) for bar, a in zip(of_call, call, strict=True))


def _across(a):
    """[..., keys, features] as [..., features, keys], and back."""
    return jnp.swapaxes(a, -2, -1)
