r"""Losses, one number an example: how wrong a prediction is. Means, sums and weights are in `funcnn.losses`.

Forward
    squared_error           l = (p - t)²                          p, t, l [...]
    softmax_cross_entropy   l = Σ_k t_k (lse x - x_k)             x, t [..., classes]   l [...]
                            l = lse x - x_t                       t [...], a class number
    sigmoid_cross_entropy   l = log(1 + eˣ) - t x                 x, t, l [...]
    with lse x = log Σ_k e^(x_k).

Backward
    squared_error           p_bar = 2 (p - t) l_bar               t_bar = -p_bar
    softmax_cross_entropy   x_bar = (softmax(x) Σ_k t_k - t) l_bar    t_bar = (lse x - x) l_bar
                            x_bar = (softmax(x) - onehot t) l_bar
    sigmoid_cross_entropy   x_bar = (σ(x) - t) l_bar              t_bar = -x l_bar

Derivation
    d lse x = ⟨softmax x, dx⟩ and d log(1 + eˣ) = σ(x) dx; everything else is linear.

Residuals
    The two arguments, which the caller holds; softmax_cross_entropy also lse x, one number a row, from which the softmax
    is rebuilt.

Edges
    A class of weight t_k = 0 costs nothing, whatever its logit: 0 · inf never is. A class number outside the classes
    gives a loss of NaN, so that it is noticed. A logit of -inf has cotangent 0 where its weight is 0; a class of positive
    weight and logit -inf costs inf. sigmoid_cross_entropy is 0 at x = inf, t = 1 and at x = -inf, t = 0.

Source
    Bridle 1990 (softmax and its entropy belong together); Bishop, "Pattern Recognition and Machine Learning", 2006,
    eqs. 4.90 and 4.108.
"""

import jax
import jax.numpy as jnp
from jax import Array

from ._checks import require_floating, require_same_dtype, require_shape
from ._precision import widen
from ._unbroadcast import unbroadcast


@jax.custom_vjp
def squared_error(prediction: Array, target: Array) -> Array:
    """The square of the difference, element by element.

    Args:
      prediction: ``[...]``, floating.
      target: of the same shape and dtype.

    Returns:
      ``[...]``, each element's loss.

    Raises:
      TypeError, ValueError: dtypes or shapes differ: ``[n]`` against ``[n, 1]`` is an error here, not a broadcast.
    """
    return squared_error_fwd(prediction, target)[0]


def squared_error_fwd(prediction, target):
    _check_pair("squared_error", prediction=prediction, target=target)
    difference = widen(prediction) - widen(target)
    return (difference * difference).astype(prediction.dtype), (prediction, target)


def squared_error_bwd(residuals, l_bar):
    prediction, target = residuals
    p_bar = 2 * (widen(prediction) - widen(target)) * widen(l_bar)
    return unbroadcast(p_bar, prediction), unbroadcast(-p_bar, target)


squared_error.defvjp(squared_error_fwd, squared_error_bwd)


def squared_error_reference(prediction, target):
    return prediction**2 - 2 * prediction * target + target**2


@jax.custom_vjp
def softmax_cross_entropy(logits: Array, labels: Array) -> Array:
    """Cross-entropy of the softmax of the logits, one number a row.

    Args:
      logits: ``[..., classes]``, floating.
      labels: class numbers ``[...]``, integers; or weights ``[..., classes]`` of the logits' dtype, usually a distribution.

    Returns:
      ``[...]``, each row's loss.

    Raises:
      TypeError, ValueError: the dtypes or shapes are not these.
    """
    return softmax_cross_entropy_fwd(logits, labels)[0]


def softmax_cross_entropy_fwd(logits, labels):
    _check_labels(logits, labels)
    x = widen(logits)
    lse = jax.scipy.special.logsumexp(x, axis=-1)
    if _are_classes(labels):
        picked = jnp.sum(jnp.where(_onehot(labels, x), x, 0), axis=-1)
        inside = (labels >= 0) & (labels < x.shape[-1])
        loss = jnp.where(inside, lse - picked, jnp.nan)
    else:
        t = widen(labels)
        loss = jnp.sum(jnp.where(t == 0, 0, t * (lse[..., None] - x)), axis=-1)
    return loss.astype(logits.dtype), (logits, labels, lse)


def softmax_cross_entropy_bwd(residuals, l_bar):
    logits, labels, lse = residuals
    x, l_bar = widen(logits), widen(l_bar)[..., None]
    softmax = jnp.exp(x - lse[..., None])
    if _are_classes(labels):
        x_bar = l_bar * jnp.where(_onehot(labels, x), softmax - 1, softmax)
        return unbroadcast(x_bar, logits), None
    t = widen(labels)
    x_bar = l_bar * (softmax * jnp.sum(t, axis=-1, keepdims=True) - t)
    t_bar = l_bar * (lse[..., None] - x)
    return unbroadcast(x_bar, logits), unbroadcast(t_bar, labels)


softmax_cross_entropy.defvjp(softmax_cross_entropy_fwd, softmax_cross_entropy_bwd)


def softmax_cross_entropy_reference(logits, labels):
    if _are_classes(labels):
        labels = jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
    return -jnp.sum(labels * jnp.log(jnp.exp(logits) / jnp.sum(jnp.exp(logits), axis=-1, keepdims=True)), axis=-1)


@jax.custom_vjp
def sigmoid_cross_entropy(logits: Array, labels: Array) -> Array:
    """Cross-entropy of independent yes-or-no labels, element by element.

    Args:
      logits: ``[...]``, floating.
      labels: of the same shape and dtype, from 0 (no) to 1 (yes).

    Returns:
      ``[...]``, each element's loss.

    Raises:
      TypeError, ValueError: dtypes or shapes differ.
    """
    return sigmoid_cross_entropy_fwd(logits, labels)[0]


def sigmoid_cross_entropy_fwd(logits, labels):
    _check_pair("sigmoid_cross_entropy", logits=logits, labels=labels)
    x, t = widen(logits), widen(labels)
    missed = jnp.where(x > 0, 1 - t, -t)
    loss = jnp.log1p(jnp.exp(-jnp.abs(x))) + jnp.where(missed == 0, 0, missed * x)
    return loss.astype(logits.dtype), (logits, labels)


def sigmoid_cross_entropy_bwd(residuals, l_bar):
    logits, labels = residuals
    x, l_bar = widen(logits), widen(l_bar)
    x_bar = l_bar * (jax.lax.logistic(x) - widen(labels))
    return unbroadcast(x_bar, logits), unbroadcast(-l_bar * x, labels)


sigmoid_cross_entropy.defvjp(sigmoid_cross_entropy_fwd, sigmoid_cross_entropy_bwd)


def sigmoid_cross_entropy_reference(logits, labels):
    p = 1 / (1 + jnp.exp(-logits))
    return -labels * jnp.log(p) - (1 - labels) * jnp.log1p(-p)


def _are_classes(labels):
    return jnp.issubdtype(labels.dtype, jnp.integer)


def _onehot(labels, like):
    """True at each row's class; [..., classes], without a row for a number outside the classes."""
    classes = jax.lax.broadcasted_iota(labels.dtype, like.shape, like.ndim - 1)
    return classes == labels[..., None]


def _check_pair(rule, **pair):
    (first, a), (second, b) = pair.items()
    require_floating(rule, **pair)
    require_shape(rule, second, b, f"{list(a.shape)}, the shape of {first}", a.shape == b.shape)
    require_same_dtype(rule, **pair)


def _check_labels(logits, labels):
    rule = "softmax_cross_entropy"
    require_floating(rule, logits=logits)
    some = logits.ndim >= 1 and logits.shape[-1] > 0
    require_shape(rule, "logits", logits, "[..., classes] with at least one class", some)
    if _are_classes(labels):
        expected = f"{list(logits.shape[:-1])}, a class number a row"
        require_shape(rule, "labels", labels, expected, labels.shape == logits.shape[:-1])
    else:
        _check_pair(rule, logits=logits, labels=labels)
