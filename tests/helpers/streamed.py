"""The law of streaming: part after part, a sequence has the value that it has as a whole, however it is cut."""

import jax
import jax.numpy as jnp
import numpy as np

import funcnn as fn
from tests.helpers.judge import assert_close


def require_streams(layer, x, tolerance=1e-12, seed=0, beside=None):
    """Raise unless all at once, one by one, in random parts, and with each row at its own pace, the value is the whole's.

    Args:
      layer: a layer, or a plain function.
      x: a sequence ``[batch, positions, ...]``, or a pytree of such.
      tolerance: of the largest value.
      seed: of the parameters and of the cuts.
      beside: what stands beside x for all positions, such as a memory, a dict.
    """
    layer = fn.as_layer(layer)
    given = x if beside is None else {"x": x, **beside}
    params = layer.init(jax.random.key(seed), given)
    params = jax.tree.map(lambda a, b: a + b, params, _noise(params, seed))  # no bias is 0, and no scale 1
    whole = layer.apply(params, given)
    whole = whole["x"] if beside is not None and isinstance(whole, dict) else whole
    n, rng = jax.tree.leaves(x)[0].shape[1], np.random.default_rng(seed)
    start, step = jax.tree.map(jax.jit, tuple(fn.stream_of(layer)))
    for sizes in ([n], [1] * n, _parts(n, rng)):
        carry, ys = start(params, given), []
        for end, size in zip(np.cumsum(sizes), sizes, strict=True):
            carry, y = step(params, carry, jax.tree.map(lambda a, end=end, size=size: a[:, end - size : end], x))
            ys.append(y)
        assert_close(jax.tree.map(lambda *parts: jnp.concatenate(parts, 1), *ys), whole, tolerance)
    assert_close(_at_their_own_pace(start(params, given), step, params, x, rng), whole, tolerance)


def _at_their_own_pace(carry, step, params, x, rng):
    """The values of all rows, each advanced by a length of its own at each step; 0 and the whole step are among them."""
    batch, n = jax.tree.leaves(x)[0].shape[:2]
    done, values = np.zeros(batch, int), [[] for _ in range(batch)]
    for turn in range(3 * n):
        lengths = np.minimum(rng.integers(0, 3, batch), n - done) if turn < 2 * n else np.minimum(2, n - done)
        here = np.minimum(done[:, None] + np.arange(2), n - 1)  # behind a row's length stands what does not count
        part = jax.tree.map(lambda a, here=here: jnp.asarray(a)[np.arange(batch)[:, None], here], x)
        carry, y = step(params, carry, part, jnp.asarray(lengths))
        for row, (value, length) in enumerate(zip(values, lengths, strict=True)):
            value.append(jax.tree.map(lambda a, row=row, length=length: np.asarray(a)[row, :length], y))
        done += lengths
    assert (done == n).all()
    rows = [jax.tree.map(lambda *parts: np.concatenate(parts), *value) for value in values]
    return jax.tree.map(lambda *rows: np.stack(rows), *rows)


def _parts(n, rng):
    cut = int(rng.integers(1, n))
    return [cut, n - cut]


def _noise(params, seed):
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(seed + 1), max(len(leaves), 1))
    draw = lambda key, a: (0.1 * jax.random.normal(key, a.shape)).astype(a.dtype)
    return tree.unflatten([draw(key, a) for key, a in zip(keys, leaves, strict=False)])


def running_mean():
    """A causal layer for tests: at each position the mean of x there and before."""

    def mean(total, n, x, lengths=None):
        counts = jnp.arange(x.shape[1])[None] < (x.shape[1] if lengths is None else lengths[:, None])
        counts = jnp.broadcast_to(counts, x.shape[:2]).astype(x.dtype)
        total = total[:, None] + jnp.cumsum(x * counts[..., None], 1)
        n = n[:, None] + jnp.cumsum(counts, 1)
        return (total[:, -1], n[:, -1]), total / jnp.maximum(n, 1)[..., None]

    def start(params, like):
        return jnp.zeros((like.shape[0], like.shape[2]), like.dtype), jnp.zeros(like.shape[0], like.dtype)

    def apply(params, x, *, key=None, training=False):
        return mean(*start(params, x), x)[1]

    step = lambda params, carry, x, lengths=None: mean(*carry, x, lengths)
    return fn.Layer(lambda key, x: (), apply, stream=fn.Stream(start, step))
