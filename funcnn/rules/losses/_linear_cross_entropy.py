r"""Cross-entropy of a linear layer's logits, summed over all rows: the forward pass makes the gradient.

Forward, z = the logits of x w + b (see `_head`)                      x [..., n]   w [n, classes]   z [..., classes]
    y = Σ_rows v l(z)                                                 v [...], 1 by default
    l is `softmax_cross_entropy`, with its smoothing, class weights c and z-loss.

Backward, made in the forward pass for y_bar = 1, some positions at a time; a cotangent then is y_bar times its residual
    z_bar and c_bar: what l's own backward pass gives for l_bar = v
    v_bar = l(z)
    x_bar, w_bar and b_bar from z_bar: `_head`

Derivation
    dy = Σ_rows (dv l + v dl), with dl as on l's page. The sum over the rows is a number: its cotangent is a factor of all
    others, and may come after them.

Residuals
    The gradients themselves, x_bar, w_bar, b_bar, v_bar and c_bar, of the arguments' sizes. The logits of some positions
    live at a time, and no logit is made again: three products in place of four. Differentiated once more, it is the
    forward pass that is differentiated.

Edges
    As l's: a label outside the classes makes y and the cotangents NaN. Without rows y and the cotangents are 0. A position
    is an index of x's last axis but one; the axes before it are taken whole. So are all positions where an Explicit mesh
    divides them.

Accuracy
    That of `linear` and `softmax_cross_entropy`, one after the other; the logits are float32 or wider.

Source
    Hsu et al., "Liger Kernel: efficient Triton kernels for LLM training", 2024, section 3.2 (the gradient in the forward
    pass).

What the rule gives beyond autodiff: `linear_log_prob` needs less memory at a large vocabulary, and one product more.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_floating, require_number, require_shape
from .._common._chunks import added, cut, over_chunks, placed
from .._common._cotangent import cotangent, token, varying_as
from .._common._precision import times, widen
from ._head import Head, at_once, gathered_rows, logits, part_of, pulled, require_head
from ._labels import require_classes
from ._softmax_cross_entropy import (
    softmax_cross_entropy_bwd,
    softmax_cross_entropy_fwd,
    softmax_cross_entropy_reference,
)


def linear_cross_entropy(
    x: Array,
    w: Array,
    labels: Array,
    b: Array | None = None,
    weight: Array | None = None,
    class_weights: Array | None = None,
    *,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    softcap: float | None = None,
    w_transposed: bool = False,
    chunk: int | None = None,
) -> Array:
    """Sum the weighted cross-entropies of a linear layer's logits over all rows, and make the gradient on the way.

    Args:
      x: ``[..., n]``, floating: the last hidden states.
      w: ``[n, classes]``, of x's dtype; ``[classes, n]`` with ``w_transposed``.
      labels: class numbers ``[...]``, integers.
      b: ``[classes]``, of x's dtype; None for no bias.
      weight: ``[...]``, floating, by which each row's loss is multiplied; None for ones. For a mean, 1 / rows.
      class_weights: ``[classes]``, of x's dtype, by which each class's share is multiplied; None for ones.
      label_smoothing: from 0 to 1; the share of the labels that is spread over all classes alike.
      z_loss: what each row's squared log-sum-exp is multiplied by before it is added.
      softcap: above 0, the largest size of a logit; None for no cap.
      w_transposed: whether w has the classes first.
      chunk: how many rows are taken at once; None to choose by the number of classes.

    Returns:
      A number, of x's dtype.

    Raises:
      TypeError, ValueError: the dtypes, shapes or options are not these.

    Example:
      >>> float(rules.linear_cross_entropy(jnp.ones((4, 3)), jnp.ones((3, 2)), jnp.zeros(4, int)).round(4))
      2.7726
    """
    _check(Head(x, w, b, 1.0, softcap, w_transposed), labels, weight, class_weights, label_smoothing, z_loss, chunk)
    if x.ndim == 1:
        x, labels, weight = x[None], labels[None], None if weight is None else weight[None]
    options = label_smoothing, z_loss, softcap, w_transposed, chunk
    return _linear_cross_entropy(x, w, labels, b, weight, class_weights, *options)


@partial(jax.custom_vjp, nondiff_argnums=(6, 7, 8, 9, 10))
def _linear_cross_entropy(x, w, labels, b, weight, class_weights, *options):
    return linear_cross_entropy_fwd(x, w, labels, b, weight, class_weights, *options)[0]


def linear_cross_entropy_fwd(
    x, w, labels, b, weight, class_weights, label_smoothing, z_loss, softcap, w_transposed, chunk
):
    head = Head(x, w, b, 1.0, softcap, w_transposed)
    options = label_smoothing, None, z_loss

    def part(start, size):
        own = part_of(head, start, size)
        v, t = (cut(a, start, size, labels.ndim - 1) for a in (weight, labels))
        v = jnp.ones_like(t, widen(x).dtype) if v is None else widen(v).astype(widen(x).dtype)
        z, c = _varying_alike(logits(own, 0, head.classes), t, v, class_weights)
        loss, residuals = softmax_cross_entropy_fwd(z, t, c, *options)
        z_bar, _, c_bar = softmax_cross_entropy_bwd(*options, residuals, v)
        return pulled(own, z, z_bar, 0), loss, (jnp.sum(times(v, loss)), c_bar)

    def merge(whole, part, start):
        bars, v_bar, sums = whole or (None, None, (None, None))
        v_bar = placed(v_bar, part[1], start, x.shape[-2], x.ndim - 2)
        return gathered_rows(head, bars, part[0], start), v_bar, tuple(map(added, sums, part[2]))

    (x_bar, w_bar, b_bar), v_bar, (y, c_bar) = over_chunks(part, merge, x.shape[-2], at_once(head, chunk))
    primals = x, w, b, weight, class_weights
    bars = (
        None if a is None else bar.astype(a.dtype)
        for bar, a in zip((x_bar, w_bar, b_bar, v_bar, c_bar), primals, strict=True)
    )
    return y.astype(x.dtype), (tuple(bars), tuple(None if a is None else token(a) for a in primals))


def linear_cross_entropy_bwd(label_smoothing, z_loss, softcap, w_transposed, chunk, residuals, y_bar):
    whole = lambda bar, like: None if bar is None else cotangent(widen(y_bar) * widen(bar), like)
    x_bar, w_bar, b_bar, v_bar, c_bar = map(whole, *residuals)
    return x_bar, w_bar, None, b_bar, v_bar, c_bar


_linear_cross_entropy.defvjp(linear_cross_entropy_fwd, linear_cross_entropy_bwd)


def linear_cross_entropy_reference(
    x, w, labels, b=None, weight=None, class_weights=None, *, label_smoothing=0.0, z_loss=0.0, softcap=None,
    w_transposed=False, chunk=None,
):  # fmt: skip
    """Of all logits at once, by the other rule's reference."""
    z = jnp.einsum("...n,kn->...k" if w_transposed else "...n,nk->...k", x, w)
    z = z if b is None else z + jnp.broadcast_to(b, z.shape)
    z = z if softcap is None else softcap * jnp.tanh(z / softcap)
    each = softmax_cross_entropy_reference(z, labels, class_weights, label_smoothing, None, z_loss)
    return jnp.sum(each if weight is None else each * weight)


def _varying_alike(z, t, v, c):
    """Logits and class weights, under shard_map varying as any argument does: no cotangent is summed yet."""
    for like in (t, v) if c is None else (t, v, c):
        z = varying_as(like, z)
    return z, None if c is None else varying_as(z, widen(c))


def _check(head, labels, weight, class_weights, label_smoothing, z_loss, chunk):
    rule = "linear_cross_entropy"
    require_head(rule, head, chunk, "rows", class_weights=(class_weights, "classes | None"))
    require_classes(rule, labels, head.x)
    if weight is not None:
        require_floating(rule, weight=weight)
        require_shape(
            rule, "weight", weight, f"{list(labels.shape)}, a number a row", jnp.shape(weight) == labels.shape
        )
    require_number(rule, "label_smoothing", label_smoothing, "from 0 to 1", lambda v: 0 <= v <= 1)
    require_number(rule, "z_loss", z_loss, "that is not negative", lambda v: v >= 0)
