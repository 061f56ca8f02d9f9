"""GPT: a decoder of tokens, with one table for tokens and logits."""

from .. import initializers, rules
from .._core import Layer
from .._shown import shown
from ..combinators import serial, shared
from ..combinators._children import LayerLike
from ..layers import attention, embedding, layer_norm, mlp
from ._transformer import transformer, transformer_block


@shown
def gpt(
    vocabulary: int,
    width: int,
    layers: int,
    heads: int,
    *,
    norm: LayerLike = layer_norm(),
    rope: bool = True,
    logits: bool = True,
) -> Layer:
    """The logits of the next token after each position, by a decoder with rotary positions and a tied table.

    Args:
      vocabulary: how many tokens.
      width: how many features a position has.
      layers: how many blocks, in a scan.
      heads: of attention; they divide width.
      norm: ``layer_norm()`` or ``rms_norm()``.
      rope: as in `attention`.
      logits: False for the pair of what the logits are a product of, ``[batch, T, width]`` and ``[width, vocabulary]``.

    Returns:
      A layer with parameters ``{"shared": {"table": [vocabulary, width]}, "rest": …}``, for ids ``[batch, T]``; its value
      is ``[batch, T, vocabulary]``.

    Example:
      >>> model, ids = gpt(100, 16, layers=2, heads=4), jnp.array([[3, 1, 4], [1, 5, 9]])
      >>> model.apply(model.init(jax.random.key(0), ids), ids).shape
      (2, 3, 100)

    Source:
      Radford et al., "Language models are unsupervised multitask learners", 2019; Press & Wolf, 2017, for the tied table.
    """
    block = transformer_block(attention(heads, causal=True, rope=rope), mlp(4 * width), norm=norm)
    decoder = lambda embed, head: serial(embed=embed, decoder=transformer(block, layers, norm=norm), head=head)
    head = lambda params, x: rules.linear(x, params["table"].T) if logits else (x, params["table"].T)
    return shared(decoder, embedding(vocabulary, width, table_init=initializers.normal(0.02)), head)
