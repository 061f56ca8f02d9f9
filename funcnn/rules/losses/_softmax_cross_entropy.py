r"""Cross-entropy of a softmax, one number a row: the negative log-probability of the labels.

Forward, with lse x = log Σ_k e^(x_k)                                x [..., classes]   l, z [...]
    l = Σ_k u_k (lse x - x_k)                                        u [..., classes]
    z = (lse x)²
    u = w s                                                          w [classes], 1 by default
    s = (1 - ε) t + ε / classes                                      t [..., classes], of a class number its onehot
    softmax_cross_entropy is l + ζ z, softmax_cross_entropy_with_z the pair (l, z).

Backward, the cotangents of ignored rows 0
    x_bar = softmax(x) (l_bar Σ_k u_k + 2 z_bar lse x) - l_bar u
    t_bar = (1 - ε) l_bar w (lse x - x)
    w_bar = Σ_rows l_bar s (lse x - x)
    For the sum l + ζ z, of cotangent y_bar, l_bar is y_bar and z_bar is ζ y_bar.

Derivation
    d lse x = ⟨softmax x, dx⟩, so
    dl = (Σ_k u_k) ⟨softmax x, dx⟩ - ⟨u, dx⟩ + Σ_k (lse x - x_k) du_k,
    dz = 2 lse x ⟨softmax x, dx⟩,
    du = s dw + (1 - ε) w dt.

Residuals
    The arguments, which the caller holds, and two numbers a row, max x and Σ_k e^(x_k - max x). From these the softmax is
    recomputed with all its digits. From lse x alone it would lose digits in a row whose logits are all huge.

Edges
    A class of weight u_k = 0 adds 0, whatever its logit: no product 0 · inf is formed. A logit of -inf has softmax 0, and
    costs inf where its weight is positive. A row of nothing but -inf costs inf, with x_bar = -l_bar u.
    A logit of inf, an overflow, costs inf, or NaN if it is the labelled one. Its cotangent is NaN. A class number outside
    the classes makes the loss and all cotangents of its row NaN. So both faults are noticed. But a class number of
    weight 0 has l = 0 and, from it, x_bar = 0, whatever the logits.
    An ignored row has l = z = 0 and cotangents of 0, whatever its logits.

Accuracy
    softmax_cross_entropy: value within 4 ulp, cotangents within 4; in half precision 0.51 and 0.51;
        at random and adversarial points of sizes up to 2¹⁰⁰.

Source
    Bridle 1990 (softmax and its entropy belong together); Bishop, "Pattern Recognition and Machine Learning", 2006, eq.
    4.108; Szegedy et al., "Rethinking the Inception architecture", 2016, section 7 (ε); Chowdhery et al., "PaLM", 2022,
    section 5 (z).
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import describe, is_array, require_number, shapes
from .._common._cotangent import copied_as, cotangent, per_feature
from .._common._precision import as_factor, finite, times, widen
from ._labels import are_classes, entry, inside, onehot, require_classes, require_ignore, require_rows


@partial(jax.custom_vjp, nondiff_argnums=(3, 4, 5))
def softmax_cross_entropy(
    logits: Array,
    labels: Array,
    class_weights: Array | None = None,
    label_smoothing: float = 0.0,
    ignore: int | None = None,
    z_loss: float = 0.0,
) -> Array:
    """Take the cross-entropy of the softmax of the logits, one number a row.

    Args:
      logits: ``[..., classes]``, floating.
      labels: class numbers ``[...]``, integers; or weights ``[..., classes]`` of the logits' dtype, usually a distribution.
      class_weights: ``[classes]``, of the logits' dtype, by which each class's share is multiplied; None for ones.
      label_smoothing: from 0 to 1; the share of the labels that is spread over all classes alike.
      ignore: a class number whose rows have loss 0, inside or outside the classes; None to ignore no row.
      z_loss: what each row's squared log-sum-exp is multiplied by before it is added; it keeps the logits near 0.

    Returns:
      ``[...]``, each row's loss, of the logits' dtype.

    Raises:
      TypeError, ValueError: the dtypes, shapes or options are not these.
    """
    return softmax_cross_entropy_fwd(logits, labels, class_weights, label_smoothing, ignore, z_loss)[0]


def softmax_cross_entropy_fwd(logits, labels, class_weights, label_smoothing, ignore, z_loss):
    rule = "softmax_cross_entropy"
    require_number(rule, "z_loss", z_loss, "that is not negative", lambda v: v >= 0)
    loss, z, residuals = _loss_and_z(rule, logits, labels, class_weights, label_smoothing, ignore)
    return (loss + z_loss * z if z_loss else loss).astype(logits.dtype), residuals


def softmax_cross_entropy_bwd(label_smoothing, ignore, z_loss, residuals, y_bar):
    y_bar = widen(y_bar)
    return _cotangents(label_smoothing, ignore, residuals, y_bar, z_loss * y_bar if z_loss else None)


softmax_cross_entropy.defvjp(softmax_cross_entropy_fwd, softmax_cross_entropy_bwd)


def softmax_cross_entropy_reference(logits, labels, class_weights=None, label_smoothing=0.0, ignore=None, z_loss=0.0):
    """As the sum of the other rule's two parts."""
    loss, z = softmax_cross_entropy_with_z_reference(logits, labels, class_weights, label_smoothing, ignore)
    return loss + z_loss * z


@partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def softmax_cross_entropy_with_z(
    logits: Array,
    labels: Array,
    class_weights: Array | None = None,
    label_smoothing: float = 0.0,
    ignore: int | None = None,
) -> tuple[Array, Array]:
    """Take the cross-entropy and, apart, the squared log-sum-exp of each row; arguments as `softmax_cross_entropy`'s.

    Returns:
      The losses ``[...]`` and the squares ``[...]``, each with a cotangent of its own.
    """
    return softmax_cross_entropy_with_z_fwd(logits, labels, class_weights, label_smoothing, ignore)[0]


def softmax_cross_entropy_with_z_fwd(logits, labels, class_weights, label_smoothing, ignore):
    rule = "softmax_cross_entropy_with_z"
    loss, z, residuals = _loss_and_z(rule, logits, labels, class_weights, label_smoothing, ignore)
    return (loss.astype(logits.dtype), z.astype(logits.dtype)), residuals


def softmax_cross_entropy_with_z_bwd(label_smoothing, ignore, residuals, bars):
    l_bar, z_bar = map(widen, bars)
    return _cotangents(label_smoothing, ignore, residuals, l_bar, z_bar)


softmax_cross_entropy_with_z.defvjp(softmax_cross_entropy_with_z_fwd, softmax_cross_entropy_with_z_bwd)


def softmax_cross_entropy_with_z_reference(logits, labels, class_weights=None, label_smoothing=0.0, ignore=None):
    """From the probabilities, with distributions for labels, and ignored rows multiplied by 0."""
    kept = jnp.ones(logits.shape[:-1], logits.dtype)
    if are_classes(labels):
        kept = (labels != (-1 if ignore is None else ignore)).astype(logits.dtype)
        labels = jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
    total = jnp.sum(jnp.exp(logits), axis=-1)
    costs = -jnp.log(jnp.exp(logits) / total[..., None])
    if class_weights is not None:
        costs = jnp.einsum("...k,k->...k", costs, class_weights)
    smoothed = (1 - label_smoothing) * labels + label_smoothing / logits.shape[-1]
    return kept * jnp.sum(smoothed * costs, axis=-1), kept * jnp.log(total) ** 2


def _loss_and_z(rule, logits, labels, class_weights, label_smoothing, ignore):
    _check(rule, logits, labels, class_weights, label_smoothing, ignore)
    x = _of_kept(widen(logits), labels, ignore)
    top = jax.lax.stop_gradient(finite(jnp.max(x, axis=-1, keepdims=True)))  # the softmax does not depend on it
    total = jnp.sum(jnp.exp(x - top), axis=-1, keepdims=True)
    lse = _lse(top, total)
    w, costs = as_factor(class_weights, x), _costs(x, top, total)
    if are_classes(labels):
        loss = times(_own(labels, w), _costs(entry(labels, x), top, total))
    else:
        loss = jnp.sum(times(w * widen(labels), costs), axis=-1, keepdims=True)
    if label_smoothing:
        loss = (1 - label_smoothing) * loss + label_smoothing * jnp.mean(times(w, costs), axis=-1, keepdims=True)
    z = copied_as(loss, lse * lse)
    loss, z = (jnp.squeeze(_of_known(a, labels, x, ignore), -1) for a in (loss, z))
    return loss, z, (logits, labels, class_weights, top, total)


def _cotangents(label_smoothing, ignore, residuals, l_bar, z_bar):
    logits, labels, class_weights, top, total = residuals
    x = _of_kept(widen(logits), labels, ignore)
    known = lambda a: None if a is None else _of_known(a[..., None], labels, x, ignore)
    l_bar, z_bar = known(l_bar), known(z_bar)
    lse = _lse(top, total)
    w, costs = as_factor(class_weights, x), _costs(x, top, total)
    if are_classes(labels):
        t, weight = onehot(labels, x).astype(x.dtype), _own(labels, w)
    else:
        t = widen(labels)
        weight = jnp.sum(w * t, axis=-1, keepdims=True)
    s = (1 - label_smoothing) * t + label_smoothing / x.shape[-1]
    weight = (1 - label_smoothing) * weight + label_smoothing * jnp.mean(w)
    weightless = (weight == 0) & (z_bar is None)  # a row whose logits nothing asks for, be they NaN
    softmax = jnp.exp(jnp.where(weightless, 0, x - top)) / jnp.where(weightless | ~(total > 0), 1, total)
    x_bar = l_bar * (weight * softmax - w * s)
    if z_bar is not None:
        x_bar = x_bar + 2 * z_bar * finite(lse) * softmax  # z_bar may be 0, lse infinite
    t_bar = None if are_classes(labels) else cotangent((1 - label_smoothing) * l_bar * w * costs, labels)
    w_bar = l_bar * times(s, costs)
    return cotangent(x_bar, logits), t_bar, per_feature(w_bar, class_weights)


def _lse(top, total):
    """log Σ e^x of rows with the largest x and Σ e^(x - top); the least number, not -inf, where all x are -inf."""
    return jnp.where(total == 0, jnp.finfo(top.dtype).min, top + _log(total))


def _costs(x, top, total):
    """lse - x; where all logits are huge lse has lost the digits of log Σ e^(x - top), and top - x has not."""
    return (top - x) + _log(total)


def _log(total):
    return jnp.log(jnp.where(total == 0, 1, total))


def _of_kept(a, labels, ignore):
    """``a`` with ignored rows set to 0, so that no infinity of theirs meets a 0."""
    return a if ignore is None else jnp.where((labels == int(ignore))[..., None], 0, a)


def _of_known(a, labels, x, ignore):
    """A number a row, 0 for an ignored one and NaN for one whose class number is outside the classes."""
    if are_classes(labels):
        a = jnp.where(inside(labels, x)[..., None], a, jnp.nan)
    return _of_kept(a, labels, ignore)


def _own(labels, a):
    """The entry of each row of ``a`` at its class, [..., 1]; ``a`` itself if it is a number."""
    return a if a.ndim == 0 else entry(labels, a)


def _check(rule, logits, labels, class_weights, label_smoothing, ignore):
    require_rows(rule, "logits", logits)
    weights = {"class_weights": (class_weights, "classes | None")}
    if not is_array(labels):
        raise TypeError(f"{rule}: labels must be an array of class numbers or of distributions, got {describe(labels)}")
    if are_classes(labels) or getattr(labels, "shape", None) == logits.shape[:-1]:
        require_classes(rule, labels, logits)
    else:
        weights = {"labels": (labels, "... classes"), **weights}
    shapes(rule, logits=(logits, "... classes"), **weights)
    require_number(rule, "label_smoothing", label_smoothing, "from 0 to 1", lambda v: 0 <= v <= 1)
    if ignore is not None:
        require_ignore(rule, labels, ignore)
        if not are_classes(labels):
            raise ValueError(f"{rule}: ignore must be None where labels are weights of all classes, got {ignore}")
