"""GPT: a decoder of tokens, with one table for tokens and logits."""

from collections.abc import Mapping
from typing import Any

from .._core import Layer
from .._shown import shown
from ..combinators._children import LayerLike
from ..layers import layer_norm
from ._encoder_decoder import decoder


@shown
def gpt(
    vocabulary: int,
    width: int,
    layers: int,
    heads: int,
    *,
    norm: LayerLike = layer_norm(),
    rope: bool | Mapping[str, Any] = True,
    logits: bool = True,
) -> Layer:
    """The logits of the next token after each position, by a decoder with rotary positions and a tied table.

    Args:
      vocabulary, width, layers, heads, norm, rope, logits: as for `decoder`.

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
    return decoder(vocabulary, width, layers, heads, norm=norm, rope=rope, logits=logits)
