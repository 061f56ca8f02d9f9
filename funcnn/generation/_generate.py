"""What a model of sequences says after a prompt, by its stream: one prefill, then one step a token."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from .. import rules
from .._core import Layer, Params, as_layer
from .._streaming import stream_of
from ..rules._common._checks import describe
from ..training._mesh import settled
from ..training._predict import params_of
from ..training._state import TrainState
from ._law import require_law
from ._place import by_rows, fetched, inside, mesh_of, whole
from ._request import requested, require_numbers, require_vocabulary, together
from ._sampling import drawn


def generate(
    model: Layer,
    params: Params | TrainState,
    prompt: Any,
    n: int,
    *,
    key: Array | None = None,
    lengths: Any = None,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    stop: int | None = None,
) -> Array:
    """The tokens that a model of sequences says after a prompt.

    The model takes the prompt at once, then a token a step, and carries what it needs of those before (`stream_of`). It is
    compiled once for a model, the shapes and the options; so prompts of many lengths are best filled up to one. Before it
    starts, a few tokens are taken as a whole and in two parts, and a layer that gives another value then is named.

    Args:
      model: a layer from ids ``[batch, positions]`` to logits ``[batch, positions, vocabulary]``. Its value may also be
        what `funcnn.losses.linear_cross_entropy` takes: ``(x, w)`` or ``(x, w, b)``, x ``[batch, positions, features]``.
        Then the last position alone is multiplied by w.
      params: its parameters, or a training state that has them. On a mesh they may be divided, as `fit` leaves them: they
        are gathered, and the rows of the prompt are divided over the mesh's axes for batches.
      prompt: ids ``[batch, positions]``, at least one of each. Or a dict ``{"x": ids, …}`` with what stands beside them for
        all positions: for `encoder_decoder` ``memory``, the ids of its source, and perhaps ``memory_lengths``.
      n: how many tokens are generated.
      key: from which tokens are drawn, a row's own at each step. Without a key each token is the likeliest.
      lengths: ``[batch]``, how many ids of each row are its prompt; what stands behind them, to the right, does not matter.
        None where all have one length.
      temperature: by which logits are divided; 0 takes the likeliest token.
      top_k: the likeliest k tokens only are drawn from, and those as likely as the k-th.
      top_p: the fewest likeliest tokens only are drawn from whose probabilities sum to top_p, after top_k.
      stop: an id that ends a row; the row is filled up with it. When every row has ended, no further step is taken.

    Returns:
      ids ``[batch, n]``, of the default integer dtype, without the prompt.

    Raises:
      TypeError, ValueError: an argument is not as described; a layer cannot stream, or its stream breaks the law of
        streaming; logits are NaN, as they are after an id outside of the model's table.

    Example:
      >>> model = serial(embedding(10, 4), tanh, linear(10))
      >>> prompt = jnp.array([[1, 2, 3], [4, 5, 0]])
      >>> params = model.init(jax.random.key(0), prompt)
      >>> generate(model, params, prompt, 4, key=jax.random.key(1), lengths=[3, 2], top_k=5).shape
      (2, 4)
    """
    as_layer(model)
    params = params_of(params)
    mesh = mesh_of(params)
    with inside(mesh):
        params, key = whole(mesh, (params, key))
        ask = requested(jax.tree.map(fetched, prompt), n, key, fetched(lengths), temperature, top_k, top_p, stop)
        capacity = ask.prompt.shape[1] + ask.n - 1
        require_law(model, params, ask.prompt, ask.beside, capacity, ask.lengths is not None)
        options = {"model": model, "n": ask.n, "top_k": ask.top_k, "stop": ask.stop}
        prompts = by_rows(mesh, (ask.prompt, ask.beside, ask.lengths))
        tokens, finite = settled(_run(params, *prompts, ask.key, ask.temperature, ask.top_p, **options))
        require_numbers(model, params, ask, finite)
    return tokens


@partial(jax.jit, static_argnames=("model", "n", "top_k", "stop"))
def _run(params, prompt, beside, lengths, key, temperature, top_p, *, model, n, top_k, stop):
    """The tokens ``[batch, n]``, and whether no logit of a row was NaN."""
    start, step = stream_of(model)
    batch, size = prompt.shape

    def draw(i, y, at, tokens, finite):
        logits = _logits(y, at, top_k, stop)
        token = drawn(None if key is None else jax.random.fold_in(key, i), logits, temperature, top_k, top_p)
        token = jnp.where(_ended(tokens, stop), -1, token.astype(tokens.dtype))
        tokens = lax.dynamic_update_slice_in_dim(tokens, token[:, None], i, axis=1)
        return tokens, finite & ~jnp.isnan(logits).any(-1)

    def one_more(state):
        i, carry, tokens, finite = state
        last = jnp.maximum(lax.dynamic_slice_in_dim(tokens, i - 1, 1, axis=1), 0)
        carry, y = step(params, carry, last)
        return i + 1, carry, *draw(i, y, None, tokens, finite)

    carry = start(params, together(jax.ShapeDtypeStruct((batch, size + n - 1), prompt.dtype), beside))
    carry, y = step(params, carry, prompt, lengths)
    tokens, finite = draw(0, y, lengths, jnp.full((batch, n), -1, prompt.dtype), jnp.ones(batch, bool))
    goes_on = lambda state: (state[0] < n) & ~_ended(state[2], stop).all()
    _, _, tokens, finite = lax.while_loop(goes_on, one_more, (1, carry, tokens, finite))
    return jnp.where(tokens < 0, stop or 0, tokens), finite


def _ended(tokens, stop):
    """Which rows have said the id that ends them."""
    return jnp.any(tokens == (-2 if stop is None else stop), axis=1)


def _logits(y, lengths, top_k, stop):
    """The logits ``[batch, vocabulary]`` of each row's last position."""
    x, *head = y if isinstance(y, tuple) else (y,)
    if not hasattr(x, "ndim") or x.ndim != 3:
        raise ValueError(
            f"generate: the model's value must be logits [batch, positions, vocabulary], got {describe(y)}"
        )
    x = x[:, -1] if lengths is None else jnp.take_along_axis(x, lengths[:, None, None] - 1, axis=1)[:, 0]
    logits = rules.linear(x, *head) if head else x
    require_vocabulary(logits.shape[-1], top_k, stop)
    return logits
