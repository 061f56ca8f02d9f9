r"""Log-probabilities of tokens from a linear layer, and what else losses need of its logits, without the logits in memory.

Forward, z = the logits of x w + b (see `_head`), p = softmax z       x [..., n]   w [n, classes]   z [..., classes]
    log_prob = z_y - lse,  lse = log Σ_k e^(z_k)                      y the row's label
    entropy = -Σ_k p_k log p_k = lse - Σ_k p_k z_k
    weighted_logit = Σ_k u_k z_k                                      u [classes]
    argmax: the first k of the largest z_k; correct: argmax = y
    Chunks of classes are taken one after another. Of each row are kept the largest logit m, t = Σ e^(z - m) and
    s = Σ e^(z - m) (z - m), which are multiplied by e^(m - m') when a chunk has a larger one, m'. Then lse = m + log t, and
    the entropy is log t - s / t. Devices that have some of the classes each are put together in the same way: m by a
    maximum over them, the sums by sums.

Backward, each chunk's logits made once more, g the cotangents of the four numbers
    z_bar_k = p_k (g_lse - g_log_prob - g_entropy (z_k - Σ_j p_j z_j)) + [k = y] g_log_prob + g_weighted_logit u_k
    u_bar_k = Σ_rows g_weighted_logit z_k
    x_bar, w_bar and b_bar from z_bar: `_head`; x_bar is a sum over the devices

Derivation
    d lse = ⟨p, dz⟩, dp_k = p_k (dz_k - ⟨p, dz⟩), and Σ_k dp_k = 0, so
    d log_prob = dz_y - ⟨p, dz⟩,
    d entropy = ⟨p, dz⟩ - ⟨p, dz⟩ - Σ_k z_k dp_k = -Σ_k p_k (z_k - ⟨p, z⟩) dz_k.

Residuals
    The arguments, which the caller holds, and three numbers a row: m, t and s / t. From lse alone the softmax would lose
    digits in a row whose logits are all huge. Temporary memory is that of a chunk's logits, whatever the classes.

Edges
    A bias of -inf takes a class out: its probability is 0, and adds 0 to the entropy. A label outside the classes makes
    log_prob NaN, and all cotangents of its row with it. No rows give cotangents of 0.
    A logit of inf, an overflow, makes lse inf and the cotangents NaN. The softcap is taken before the temperature.

Accuracy
    linear_log_prob: value within 3 ulp, cotangents within 2; in half precision 0.51 and 0.51;
        at random and adversarial points of sizes up to 2⁵⁰.

Source
    Milakov & Gimelshein, "Online normalizer calculation for softmax", 2018, algorithm 3 (m and t); Wijmans et al., "Cut
    your losses in large-vocabulary language models", 2024, section 4 (logits made again); Gemma Team, "Gemma 2", 2024,
    section 2 (softcap).

What the rule gives beyond autodiff: autodiff of the chunks would keep all logits.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from .._common._chunks import cut, over_chunks, placed
from .._common._cotangent import copied_as, cotangent
from .._common._precision import as_row, finite, times, widen
from ._head import Head, classes_at_once, divided, gathered, head_cotangents, logits, pulled, require_head
from ._labels import entry, inside, onehot, require_classes, roomy
from ._token_log_prob import TokenLogProb


def linear_log_prob(
    x: Array,
    w: Array,
    labels: Array,
    b: Array | None = None,
    *,
    u: Array | None = None,
    temperature: float = 1.0,
    softcap: float | None = None,
    w_transposed: bool = False,
    chunk: int | None = None,
    axis_name: str | tuple[str, ...] | None = None,
) -> TokenLogProb:
    """Take log-probabilities of labels under the softmax of a linear layer, in memory that does not grow with the classes.

    The logits are softcap · tanh((x w + b) / softcap) / temperature, or (x w + b) / temperature without a softcap.

    Args:
      x: ``[..., n]``, floating: the last hidden states.
      w: ``[n, classes]``, of x's dtype; ``[classes, n]``, such as an embedding's table, with ``w_transposed``.
      labels: class numbers ``[...]``, integers.
      b: ``[classes]``, of x's dtype; None for no bias.
      u: ``[classes]``, of x's dtype: the weights of weighted_logit; None to leave it out.
      temperature: above 0.
      softcap: above 0, the largest size of a logit before the temperature; None for no cap.
      w_transposed: whether w has the classes first.
      chunk: how many classes are taken at once; None to choose by the number of rows.
      axis_name: the axis of `jax.shard_map`, or several, over which the classes are divided: w, b and u are those of one
        device, in order and of one size, x and labels the same on all. Labels and argmax count all classes.

    Returns:
      A `TokenLogProb`, in float32 for half precision: ratios of probabilities are made of differences of these.

    Raises:
      TypeError, ValueError: the dtypes, shapes or options are not these, or w is not divided over ``axis_name``.

    Example:
      >>> rules.linear_log_prob(jnp.ones((4, 3)), jnp.ones((3, 2)), jnp.zeros(4, int)).log_prob.round(4).tolist()
      [-0.6931, -0.6931, -0.6931, -0.6931]
    """
    rule, head = "linear_log_prob", Head(x, w, b, temperature, softcap, w_transposed)
    require_head(rule, head, chunk, "classes", axis_name, u=(u, "classes | None"))
    require_classes(rule, labels, x)
    options = temperature, softcap, w_transposed, chunk, axis_name
    return _linear_log_prob(x, w, labels, b, u, *options)


@partial(jax.custom_vjp, nondiff_argnums=(5, 6, 7, 8, 9))
def _linear_log_prob(x, w, labels, b, u, *options):
    return linear_log_prob_fwd(x, w, labels, b, u, *options)[0]


def linear_log_prob_fwd(x, w, labels, b, u, temperature, softcap, w_transposed, chunk, axis_name):
    head = Head(x, w, b, temperature, softcap, w_transposed)
    classes, first = divided(head, axis_name)
    own = labels if axis_name is None else _from(labels, first)
    row = over_chunks(partial(_row, head, own, u), _merged, head.classes, classes_at_once(head, chunk))
    row = row if axis_name is None else _over_devices(row, first, axis_name)
    log_total = jnp.log(jnp.where(row.total == 0, 1, row.total))
    below = row.spread / jnp.where(row.total == 0, 1, row.total)
    known = inside(labels, jax.ShapeDtypeStruct((classes,), jnp.float32))
    log_prob = jnp.where(known, (row.own - row.top) - log_total, jnp.nan)
    correct = roomy(labels) == row.argmax.astype(roomy(labels).dtype)
    numbers = log_prob, row.top + log_total, log_total - below, row.weighted
    log_prob, lse, entropy, weighted = _with_equal_copies(numbers)
    y = TokenLogProb(log_prob, lse, entropy, weighted, row.argmax, correct)
    return y, (x, w, own, b, u, row.top, jnp.where(known, row.total, jnp.nan), below)


def linear_log_prob_bwd(temperature, softcap, w_transposed, chunk, axis_name, residuals, y_bar):
    x, w, labels, b, u, top, total, below = residuals
    head = Head(x, w, b, temperature, softcap, w_transposed)
    top, total, below = (a[..., None] for a in (top, total, below))
    bars: list[Any] = [None if a is None else a[..., None] for a in y_bar[:4]]
    own, lse, entropy, weighted = bars

    def part(start, size):
        z = logits(head, start, size)
        above = jnp.where(z > top, 0, z - top)  # made again, z may be rounded up
        p = jnp.exp(above) / total
        z_bar = p * (lse - own) - entropy * times(p, above - below) + _own(labels, start, z, own)
        if u is None:
            return pulled(head, z, z_bar, start), None
        z_bar = z_bar + weighted * _share(u, start, z)
        return pulled(head, z, z_bar, start), jnp.sum(weighted * z, tuple(range(z.ndim - 1))).astype(u.dtype)

    def merge(whole, part, start):
        bars, u_bar = whole or (None, None)
        return gathered(head, bars, part[0], start), placed(u_bar, part[1], start, head.classes, 0)

    bars, u_bar = over_chunks(part, merge, head.classes, classes_at_once(head, chunk))
    x_bar, w_bar, b_bar = head_cotangents(head, bars)
    return x_bar, w_bar, None, b_bar, cotangent(u_bar, u)


_linear_log_prob.defvjp(linear_log_prob_fwd, linear_log_prob_bwd)


def linear_log_prob_reference(
    x, w, labels, b=None, *, u=None, temperature=1.0, softcap=None, w_transposed=False, chunk=None, axis_name=None
):
    """From all probabilities at once; the label's is picked by a product with onehot rows."""
    z = jnp.einsum("...n,kn->...k" if w_transposed else "...n,nk->...k", x, w)
    z = z if b is None else z + as_row(b, z)
    z = (z if softcap is None else softcap * jnp.tanh(z / softcap)) / temperature
    total = jnp.sum(jnp.exp(z), axis=-1, keepdims=True)
    log_p = jnp.log(jnp.exp(z) / total)
    log_prob = jnp.einsum("...k,...k->...", jax.nn.one_hot(labels, z.shape[-1], dtype=z.dtype), log_p)
    argmax = jnp.argmax(z, axis=-1).astype(jnp.int32)
    weighted = None if u is None else jnp.einsum("...k,k->...", z, u)
    entropy = -jnp.sum(jnp.exp(log_p) * log_p, axis=-1)
    correct = argmax == labels.astype(jnp.int32)
    return TokenLogProb(log_prob, jnp.log(total[..., 0]), entropy, weighted, argmax, correct)


class _Row(NamedTuple):
    """What one chunk, or several, say of each row."""

    top: Array  # the largest logit m, finite
    total: Array  # Σ e^(z - m)
    spread: Array  # Σ e^(z - m) (z - m)
    own: Array  # the label's logit; 0 where it is in another chunk
    weighted: Array | None  # Σ u z
    argmax: Array


def _row(head, labels, u, start, size):
    z = logits(head, start, size)
    largest = jax.lax.stop_gradient(jnp.max(z, axis=-1, keepdims=True))
    top = finite(largest)  # no result depends on it
    e = jnp.exp(z - top)
    ids = jax.lax.broadcasted_iota(jnp.int32, z.shape, z.ndim - 1)
    over = lambda a: jnp.sum(a, axis=-1)
    return _Row(
        top[..., 0],
        over(e),
        over(times(e, z - top)),
        entry(_from(labels, start), z)[..., 0],
        None if u is None else over(_share(u, start, z, z)),
        start + jnp.min(jnp.where(z < largest, size - 1, ids), axis=-1),
    )


def _merged(a, b, start):
    """Two chunks as one, the first before the second."""
    if a is None:
        return b
    top = jnp.maximum(a.top, b.top)
    down_a, down_b = jnp.exp(a.top - top), jnp.exp(b.top - top)
    total_a, total_b = down_a * a.total, down_b * b.total
    spread = down_a * a.spread + times(total_a, a.top - top) + down_b * b.spread + times(total_b, b.top - top)
    weighted = None if a.weighted is None else a.weighted + b.weighted
    return _Row(top, total_a + total_b, spread, a.own + b.own, weighted, jnp.where(b.top > a.top, b.argmax, a.argmax))


def _over_devices(row, first, axis_name):
    """What all devices say of each row, that of a device's classes counted from its first; `_merged` over devices."""
    top = lax.pmax(lax.stop_gradient(row.top), axis_name)
    down = jnp.exp(row.top - top)
    spread = down * row.spread + times(down * row.total, row.top - top)
    total, spread, own = (lax.psum(a, axis_name) for a in (down * row.total, spread, row.own))
    weighted = None if row.weighted is None else lax.psum(row.weighted, axis_name)
    argmax = lax.pmin(jnp.where(row.top < top, jnp.iinfo(jnp.int32).max, first + row.argmax), axis_name)
    return _Row(top, total, spread, own, weighted, argmax)


def _with_equal_copies(numbers) -> tuple[Any, ...]:
    """The numbers, each with the copies that any has under vmap or shard_map; see `copied_as`."""
    all_of_them = sum(a for a in numbers if a is not None)
    return tuple(None if a is None else copied_as(all_of_them, a) for a in numbers)


def _own(labels, start, z, a):
    """What each row has at its label, [..., size]; 0 elsewhere."""
    return jnp.where(onehot(_from(labels, start), z), a, 0)


def _share(u, start, z, a=None):
    """The chunk's weights u, or these times the logits: 0 where the weight is."""
    u = as_row(widen(cut(u, start, z.shape[-1], 0)), z)
    return u if a is None else times(u, a)


def _from(labels, start):
    """The labels counted from the chunk's first class."""
    labels = roomy(labels)
    return labels - jnp.asarray(start, labels.dtype)
