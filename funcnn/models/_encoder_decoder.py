"""Encoder, decoder, and both together: a table of tokens, positions, a stack of blocks."""

from collections.abc import Collection, Mapping
from typing import Any

import jax

from .. import initializers, rules
from .._core import Layer, Stream, as_layer, split_key
from .._shown import shown
from .._streaming import refuse, stream_of
from ..combinators import serial, shared
from ..combinators._children import LayerLike, children_of, split
from ..layers import attention, embedding, layer_norm, mlp
from ..layers._inputs import entries
from ..rules._common._checks import describe
from ._transformer import BESIDE_X, OF_MEMORY, joined, parts_of, transformer, transformer_block


@shown
def encoder(
    vocabulary: int,
    width: int,
    layers: int,
    heads: int,
    *,
    norm: LayerLike = layer_norm(),
    rope: bool | Mapping[str, Any] = True,
    positions: LayerLike | None = None,
) -> Layer:
    """The hidden states of tokens, each of which sees all others.

    Args:
      vocabulary: how many tokens.
      width: how many features a position has.
      layers: how many blocks, in a scan.
      heads: of attention; they divide width.
      norm: ``layer_norm()`` or ``rms_norm()``.
      rope: as in `attention`.
      positions: what is added to the embedded tokens, such as ``learned_positions(512)``; with ``rope=False``, mostly.

    Returns:
      A layer with parts ``embed``, ``positions`` where they are given, and ``encoder``. x is ids ``[batch, T]``, or a dict
      ``{"x": ids, "lengths": [batch]}``; the value is ``[batch, T, width]``.

    Raises:
      ValueError: by init and apply, x has entries that nothing reads, such as positions without ``rope``.

    Example:
      >>> model, ids = encoder(100, 16, layers=2, heads=4), jnp.array([[3, 1, 4], [1, 5, 0]])
      >>> model.apply(model.init(jax.random.key(0), ids), {"x": ids, "lengths": jnp.array([3, 2])}).shape
      (2, 3, 16)

    Source:
      Vaswani et al., "Attention is all you need", 2017, section 3.
    """
    block = transformer_block(attention(heads, rope=rope), mlp(4 * width), norm=norm)
    table = embedding(vocabulary, width, table_init=initializers.normal(0.02))
    embed = _of_x("encoder", table, _beside(rope, positions))
    return serial(embed=embed, **_given(positions), encoder=transformer(block, layers, norm=norm))


@shown
def decoder(
    vocabulary: int,
    width: int,
    layers: int,
    heads: int,
    *,
    cross: bool = False,
    norm: LayerLike = layer_norm(),
    rope: bool | Mapping[str, Any] = True,
    positions: LayerLike | None = None,
    logits: bool = True,
) -> Layer:
    """The logits of the next token after each position, by blocks that see none after it, and the table of the tokens.

    Args:
      vocabulary, width, layers, heads, norm, rope, positions: as for `encoder`.
      cross: whether each block attends to a memory too.
      logits: False for the pair of what the logits are a product of, ``[batch, T, width]`` and ``[width, vocabulary]``.

    Returns:
      A layer with parameters ``{"shared": {"table": [vocabulary, width]}, "rest": …}``. x is ids ``[batch, T]``, or a dict
      ``{"x": ids}`` with perhaps ``lengths`` ``[batch]``; with ``cross`` it has ``memory`` ``[batch, S, m]``, and perhaps
      ``memory_lengths`` ``[batch]``. The value is ``[batch, T, vocabulary]``.

    Raises:
      ValueError: by init and apply, x has entries that no block takes, such as a memory without ``cross``.

    Example:
      >>> model, ids = decoder(100, 16, layers=2, heads=4, cross=True), jnp.array([[3, 1, 4], [1, 5, 9]])
      >>> inputs = {"x": ids, "memory": jnp.ones((2, 7, 16), "float32")}
      >>> model.apply(model.init(jax.random.key(0), inputs), inputs).shape
      (2, 3, 100)

    Source:
      Vaswani et al., 2017; Press & Wolf, "Using the output embedding to improve language models", 2017.
    """
    attend = attention(heads, cross=True) if cross else None
    block = transformer_block(attention(heads, causal=True, rope=rope), mlp(4 * width), cross=attend, norm=norm)
    stack = transformer(block, layers, norm=norm)
    known = (*_beside(rope, positions), *(OF_MEMORY if cross else ()))
    place = lambda embed, head: serial(
        embed=_of_x("decoder", embed, known), **_given(positions), decoder=stack, head=head
    )
    head = lambda params, x: rules.linear(x, params["table"].T) if logits else (x, params["table"].T)
    return shared(place, embedding(vocabulary, width, table_init=initializers.normal(0.02)), head)


@shown
def encoder_decoder(encoder: LayerLike, decoder: LayerLike) -> Layer:
    """A decoder whose memory is what an encoder makes of another sequence.

    Args:
      encoder: a layer from ids ``[batch, S]`` to hidden states ``[batch, S, m]``, such as an `encoder`.
      decoder: a layer with a memory, such as ``decoder(…, cross=True)``.

    Returns:
      A layer with parts ``encoder`` and ``decoder``. x is a dict ``{"x": ids [batch, T], "memory": ids [batch, S]}`` with
      perhaps ``lengths`` and ``memory_lengths`` ``[batch]``; the value is the decoder's. Its stream is started with the
      memory, which is encoded once, and then takes x alone.

    Example:
      >>> read, say = encoder(50, 16, layers=2, heads=4), decoder(60, 16, layers=2, heads=4, cross=True)
      >>> model, inputs = encoder_decoder(read, say), {"x": jnp.array([[1, 2]]), "memory": jnp.array([[3, 1, 4]])}
      >>> model.apply(model.init(jax.random.key(0), inputs), inputs).shape
      (1, 2, 60)
    """
    (encoder, decoder), pack, unpack = children_of("encoder_decoder", (), {"encoder": encoder, "decoder": decoder})

    def read(inputs):
        if not isinstance(inputs, Mapping) or not {"x", "memory"} <= set(inputs):
            came = f"a dict with {', '.join(map(str, inputs))}" if isinstance(inputs, Mapping) else describe(inputs)
            raise TypeError(f"encoder_decoder: x must be a dict with x and memory, got {came}")
        lengths = {"lengths": inputs["memory_lengths"]} if "memory_lengths" in inputs else {}
        return {"x": inputs["memory"]} | lengths

    def init(key, inputs):
        key, decoder_key = split_key(key)
        params = encoder.init(key, read(inputs))
        memory = jax.eval_shape(encoder.apply, params, read(inputs))
        return pack([params, decoder.init(decoder_key, {**inputs, "memory": memory})])

    def apply(params, inputs, *, key=None, training=False):
        (of_encoder, of_decoder), (key, decoder_key) = unpack(params), split(key, 2)
        memory = encoder.apply(of_encoder, read(inputs), key=key, training=training)
        return decoder.apply(of_decoder, {**inputs, "memory": memory}, key=decoder_key, training=training)

    def start(params, like):
        (of_encoder, of_decoder), source = unpack(params), read(like)
        if any(isinstance(a, jax.ShapeDtypeStruct) for a in jax.tree.leaves(source)):
            refuse(f"encoder_decoder starts with the memory's values, got {source['x']}")
        return stream_of(decoder).start(of_decoder, {**like, "memory": encoder.apply(of_encoder, source)})

    def step(params, carry, x, lengths=None):
        return stream_of(decoder).step(unpack(params)[1], carry, x, lengths)

    return Layer(init, apply, stream=Stream(start, step))


def _beside(rope, positions) -> list[str]:
    """What the blocks take beside x: its positions only where anything reads them."""
    return [name for name in BESIDE_X if name != "positions" or rope or positions is not None]


def _given(positions):
    return {} if positions is None else {"positions": positions}


def _of_x(model: str, layer: LayerLike, known: Collection[str]) -> Layer:
    """The layer on x, or on x of a dict, whose other entries stay as they are; the model knows these alone."""
    layer = as_layer(layer)
    stream = stream_of(layer)

    def init(key, inputs):
        return layer.init(key, entries(model, inputs, {"x", *known})["x"])

    def apply(params, inputs, *, key=None, training=False):
        entries(model, inputs, {"x", *known})
        x, rest = parts_of(inputs)
        return joined(layer.apply(params, x, key=key, training=training), rest)

    def start(params, like):
        return stream.start(params, parts_of(like)[0])

    def step(params, carry, inputs, lengths=None):
        x, rest = parts_of(inputs)
        carry, y = stream.step(params, carry, x, lengths)
        return carry, joined(y, rest)

    return Layer(init, apply, stream=Stream(start, step))
