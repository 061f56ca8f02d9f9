"""The transformer: a block of attention and MLP, and a stack of blocks, on an array or with lengths and a memory."""

from collections.abc import Mapping

import jax

from .._core import Layer, Stream, as_layer, split_key
from .._shown import shown
from .._streaming import stream_of
from ..combinators import repeat, serial
from ..combinators._children import LayerLike, children_of, inside, split
from ..layers import dropout, layer_norm
from ..layers._inputs import entries

BESIDE_X = ("lengths", "positions", "segment_ids")
OF_MEMORY = ("lengths", "memory", "memory_lengths")


@shown
def transformer_block(
    attention: Layer,
    mlp: LayerLike,
    *,
    cross: Layer | None = None,
    norm: LayerLike = layer_norm(),
    rate: float = 0.0,
) -> Layer:
    """Attention, and then an MLP, each added to what it took, normalised: x + attention(norm(x)), x + mlp(norm(x)).

    Args:
      attention: such as ``attention(4, causal=True, rope=True)``.
      mlp: such as ``mlp(1024)`` or ``gated_mlp(1024)``.
      cross: attention to a memory, between the two: ``attention(4, cross=True)``.
      norm: before each, with parameters of its own: ``layer_norm()`` or ``rms_norm()``.
      rate: of dropout before each addition.

    Returns:
      A layer with parts ``attention``, ``cross`` and ``mlp``, each with ``norm`` and ``layer``. x is an array ``[batch, T,
      features]``, or a dict with what `attention` and ``cross`` take beside x; the value is like x, of the same entries.

    Raises:
      ValueError: rate is not from 0 to below 1; or, by init and apply, x has other entries, such as a memory without
        ``cross``.

    Example:
      >>> block = transformer_block(attention(4, causal=True, rope=True), gated_mlp(64), norm=rms_norm())
      >>> params = block.init(jax.random.key(0), jnp.ones((2, 5, 16)))
      >>> sorted(params), sorted(params["mlp"]["layer"])
      (['attention', 'mlp'], ['w_down', 'w_gate', 'w_up'])

    Source:
      Vaswani et al., "Attention is all you need", 2017; Xiong et al., "On layer normalization in the transformer
      architecture", 2020, for the norm before.
    """
    known = frozenset({"x", *BESIDE_X, *(() if cross is None else OF_MEMORY)})
    added = lambda name, layer, beside: {name: _added(name, layer, norm, rate, beside, known)}
    crossed = {} if cross is None else added("cross", cross, OF_MEMORY)
    return serial(**added("attention", attention, BESIDE_X), **crossed, **added("mlp", mlp, ()))


@shown
def transformer(block: Layer, n: int, *, norm: LayerLike = layer_norm(), remat: bool = False) -> Layer:
    """A stack of n blocks with parameters of their own, compiled once, and a norm.

    Args:
      block: a `transformer_block`.
      n: how many.
      norm: of x, after the last block.
      remat: whether each block is recomputed in the backward pass, so that only its input is kept.

    Returns:
      A layer with parts ``blocks`` and ``norm``, on what a block takes; its value is an array like x.
    """
    norm = as_layer(norm)

    def init(key, inputs):
        return norm.init(key, parts_of(inputs)[0])

    def apply(params, inputs, *, key=None, training=False):
        return norm.apply(params, parts_of(inputs)[0], key=key, training=training)

    return serial(blocks=repeat(block, n, remat=remat), norm=Layer(init, apply))


def _added(name, layer, norm, rate, beside, known) -> Layer:
    """x plus the layer's value of x, normalised, and of these entries beside it; the block knows these alone."""
    with inside(name):  # as all else that the part raises
        children, pack, unpack = children_of("transformer_block", (), {"norm": norm, "layer": layer})
    (norm, layer), drop = children, dropout(rate)

    def parts(inputs):
        entries("transformer_block", inputs, known)
        return parts_of(inputs)

    def taken(h, rest):
        given = {name: rest[name] for name in beside if rest and name in rest}
        return {"x": h} | given if given else h

    def init(key, inputs):
        norm_key, layer_key = split_key(key)
        x, rest = parts(inputs)
        params = norm.init(norm_key, x)
        return pack([params, layer.init(layer_key, taken(jax.eval_shape(norm.apply, params, x), rest))])

    def apply(params, inputs, *, key=None, training=False):
        (of_norm, of_layer), (k, drop_key) = unpack(params), split(key, 2)
        x, rest = parts(inputs)
        h = norm.apply(of_norm, x, training=training)
        y = layer.apply(of_layer, taken(h, rest), key=k, training=training)
        return joined(x + drop.apply((), y, key=drop_key, training=training and rate > 0), rest)

    def start(params, like):
        x, rest = parts(like)
        return stream_of(layer).start(unpack(params)[1], taken(x, rest))

    def step(params, carry, inputs, lengths=None):
        of_norm, of_layer = unpack(params)
        x, rest = parts(inputs)
        carry, y = stream_of(layer).step(of_layer, carry, taken(norm.apply(of_norm, x), rest), lengths)
        return carry, joined(x + y, rest)

    return Layer(init, apply, stream=Stream(start, step))


def parts_of(inputs):
    """x, and the entries beside it; None where x is not in a dict."""
    if not isinstance(inputs, Mapping):
        return inputs, None
    if "x" not in inputs:
        raise ValueError(f"x must be an array, or a dict with x, got a dict with {', '.join(map(str, inputs))}")
    return inputs["x"], {name: value for name, value in inputs.items() if name != "x"}


def joined(x, rest):
    return x if rest is None else {"x": x} | rest
