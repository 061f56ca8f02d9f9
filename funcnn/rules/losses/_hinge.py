r"""Hinge losses: a score must lead by a margin, and has a slope of 0 once it does.

Forward                                                                      p, t, l [...], t of ±1
    hinge              l = max(0, 1 - p t)
    multiclass_hinge   l = Σ_{j≠y} max(0, h_j), h_j = s_j - s_y + margin     s, h [..., classes]   l [...]
                                                                             y [...], a class number

Backward, with [·] 1 where true, else 0
    hinge              p_bar = -l_bar t [p t < 1]
                       t_bar = -l_bar p [p t < 1]
    multiclass_hinge   s_bar_j = l_bar [h_j > 0] for j ≠ y
                       s_bar_y = -Σ_{j≠y} s_bar_j

Derivation
    d max(0, h) = [h > 0] dh. For hinge h = 1 - p t and dh = -t dp - p dt. For multiclass_hinge dh_j = ds_j - ds_y: each
    class that is short of the margin passes l_bar to its own score, and -l_bar to the labelled one's.

Residuals
    The arguments, which the caller holds.

Edges
    A margin that is met exactly counts as met: no slope. A class number outside the classes costs NaN, with no slope.
    A score of -inf of another class adds 0. Two infinite scores of one sign cost NaN.

Accuracy
    hinge: value within 0.51 ulp, cotangents within 0.51; in half precision 0.51 and 0.51;
        at random and adversarial points.
    multiclass_hinge: value within 2.5 ulp, cotangents within 1; in half precision 0.51 and 0.51;
        at random and adversarial points.

Source
    Cortes & Vapnik, "Support-vector networks", 1995; Weston & Watkins, "Support vector machines for multi-class pattern
    recognition", 1999.

What the rules give beyond autodiff: time is the same, but nothing is kept that the caller does not hold, and no point
has a slope of NaN.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_number, shapes
from .._common._cotangent import cotangent
from .._common._precision import widen
from ._labels import inside, onehot, require_classes, require_rows


@jax.custom_vjp
def hinge(prediction: Array, target: Array) -> Array:
    """Take how far a score falls short of the margin 1 on its target's side, element by element.

    Args:
      prediction: ``[...]``, floating.
      target: of the same shape and dtype, -1 or 1.

    Returns:
      ``[...]``, each element's loss.

    Raises:
      TypeError, ValueError: dtypes or shapes differ.
    """
    return hinge_fwd(prediction, target)[0]


def hinge_fwd(prediction, target):
    shapes("hinge", prediction=(prediction, "..."), target=(target, "..."))
    loss = jnp.maximum(1 - widen(prediction) * widen(target), 0)
    return loss.astype(prediction.dtype), (prediction, target)


def hinge_bwd(residuals, l_bar):
    prediction, target = residuals
    p, t = widen(prediction), widen(target)
    short_bar = jnp.where(p * t < 1, widen(l_bar), 0)
    p_bar = -short_bar * t
    t_bar = -jnp.where(p * t < 1, p, 0) * short_bar
    return cotangent(p_bar, prediction), cotangent(t_bar, target)


hinge.defvjp(hinge_fwd, hinge_bwd)


def hinge_reference(prediction, target):
    """By the absolute value: max(0, -a) = (|a| - a) / 2."""
    lead = prediction * target - 1
    return (jnp.abs(lead) - lead) / 2


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def multiclass_hinge(scores: Array, labels: Array, margin: float = 1.0) -> Array:
    """Sum, over the other classes, how far the labelled class falls short of leading each by the margin, one number a row.

    Args:
      scores: ``[..., classes]``, floating.
      labels: class numbers ``[...]``, integers.
      margin: the lead that the labelled class must have. torch's ``multi_margin_loss`` is this divided by the number of
        classes.

    Returns:
      ``[...]``, each row's loss, of the scores' dtype.

    Raises:
      TypeError, ValueError: the dtypes or shapes are not these.
    """
    return multiclass_hinge_fwd(scores, labels, margin)[0]


def multiclass_hinge_fwd(scores, labels, margin):
    rule = "multiclass_hinge"
    require_rows(rule, "scores", scores)
    require_classes(rule, labels, scores)
    require_number(rule, "margin", margin)
    loss = jnp.sum(jnp.maximum(_shortfalls(scores, labels, margin), 0), axis=-1)
    return jnp.where(inside(labels, scores), loss, jnp.nan).astype(scores.dtype), (scores, labels)


def multiclass_hinge_bwd(margin, residuals, l_bar):
    scores, labels = residuals
    short = (_shortfalls(scores, labels, margin) > 0) & inside(labels, scores)[..., None]
    others_bar = jnp.where(short, widen(l_bar)[..., None], 0)
    s_bar = jnp.where(onehot(labels, scores), -jnp.sum(others_bar, axis=-1, keepdims=True), others_bar)
    return cotangent(s_bar, scores), None


multiclass_hinge.defvjp(multiclass_hinge_fwd, multiclass_hinge_bwd)


def multiclass_hinge_reference(scores, labels, margin=1.0):
    """By the absolute value, over all classes; the labelled one's own term, max(0, margin), is taken off at the end."""
    own = jnp.take_along_axis(scores, labels[..., None], axis=-1)
    lead = own - scores - margin
    return jnp.sum(jnp.abs(lead) - lead, axis=-1) / 2 - max(margin, 0)


def _shortfalls(scores, labels, margin):
    """h: how far the labelled class falls short of leading each other one by the margin; not above 0 for itself."""
    s, own = widen(scores), onehot(labels, scores)
    picked = jnp.sum(jnp.where(own, s, 0), axis=-1, keepdims=True)
    return jnp.where(own, -abs(margin), s - picked + margin)
