r"""Cross-entropy of independent yes-or-no labels, and its focal form, one number an element.

Forward, with s(x) = log(1 + eˣ), the softplus                       x = logits, t = labels, l [...]
    sigmoid_cross_entropy   l = p t s(-x) + (1 - t) s(x)             p = pos_weight [features] or [], 1 by default
    focal                   l = a q^γ c
      the error             q = t σ(-x) + (1 - t) σ(x)
      the cross-entropy     c = t s(-x) + (1 - t) s(x)
      the class's share     a = α t + (1 - α) (1 - t)                1 if α is None

Backward
    sigmoid_cross_entropy   x_bar = l_bar ((1 - t) σ(x) - p t σ(-x))
                            t_bar = l_bar (p s(-x) - s(x))
                            p_bar = Σ l_bar t s(-x)                  over all elements that share one p
    focal                   v_bar = l_bar q^γ (c a_v + a c_v + a γ c q_v / q), for v = x and v = t, with the slopes
      along x               q_x = (1 - 2 t) σ(x) σ(-x)     c_x = (1 - t) σ(x) - t σ(-x)     a_x = 0
      along t               q_t = σ(-x) - σ(x)             c_t = -x                         a_t = 2 α - 1

Derivation
    ds(x) = σ(x) dx, so ds(-x) = -σ(-x) dx: this gives x_bar and c_x. l is linear in t and in p: t_bar and p_bar are their
    factors, and c_t = s(-x) - s(x) = -x.
    dσ(x) = σ(x) σ(-x) dx gives q_x. focal is a product of three factors, and dq^γ = γ q^γ dq / q; each factor's
    differential is its slope along x times dx plus its slope along t times dt.

Residuals
    The arguments, which the caller holds.

Edges
    A label of weight 0 adds 0, whatever the logit: the loss is 0 at x = inf, t = 1 and at x = -inf, t = 0. The opposite
    logit costs inf, with x_bar = ±l_bar, times p or α. Where q underflows q^γ is 0, or 1 if γ = 0: a certain and right
    prediction has loss 0 and cotangents 0.

Accuracy
    sigmoid_cross_entropy: value within 5 ulp, cotangents within 4; in half precision 0.51 and 0.51;
        at random and adversarial points of sizes up to 2¹⁰⁰.
    focal: value within 8 ulp, cotangents within 8; in half precision 0.51 and 0.51;
        at random and adversarial points of sizes up to 2¹⁰⁰.

Source
    Bishop, "Pattern Recognition and Machine Learning", 2006, eq. 4.90; Lin et al., "Focal loss for dense object
    detection", 2017, eq. 5.

What the rules give beyond autodiff: time is the same (the compiler fuses elementwise work), but nothing is kept that the
caller does not hold.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array
from jax.nn import softplus

from .._common._checks import require_number, shapes
from .._common._cotangent import cotangent, per_feature
from .._common._precision import as_factor, finite, times, widen


@jax.custom_vjp
def sigmoid_cross_entropy(logits: Array, labels: Array, pos_weight: Array | None = None) -> Array:
    """Take the cross-entropy of independent yes-or-no labels, element by element.

    Args:
      logits: ``[...]``, floating.
      labels: of the same shape and dtype, from 0 (no) to 1 (yes).
      pos_weight: ``[]`` or ``[features]``, of the logits' dtype, by which the loss of a yes is multiplied; None for 1.

    Returns:
      ``[...]``, each element's loss.

    Raises:
      TypeError, ValueError: dtypes or shapes differ.
    """
    return sigmoid_cross_entropy_fwd(logits, labels, pos_weight)[0]


def sigmoid_cross_entropy_fwd(logits, labels, pos_weight=None):
    rule = "sigmoid_cross_entropy"
    shapes(rule, logits=(logits, "..."), labels=(labels, "..."))
    shapes(rule, logits=(logits, "... features | []"), pos_weight=(pos_weight, "[] | features | None"))
    x, t = widen(logits), widen(labels)
    loss = times(as_factor(pos_weight, x) * t, softplus(-x)) + times(1 - t, softplus(x))
    return loss.astype(logits.dtype), (logits, labels, pos_weight)


def sigmoid_cross_entropy_bwd(residuals, l_bar):
    logits, labels, pos_weight = residuals
    x, t, l_bar = widen(logits), widen(labels), widen(l_bar)
    p = as_factor(pos_weight, x)
    asked = jnp.where((t == 1) & (p == 0), 0, x)  # a yes without weight has no slope, be its logit NaN
    x_bar = l_bar * ((1 - t) * jax.lax.logistic(asked) - p * t * jax.lax.logistic(-asked))
    t_bar = l_bar * (p * softplus(-x) - softplus(x))
    p_bar = l_bar * times(t, softplus(-x))
    return cotangent(x_bar, logits), cotangent(t_bar, labels), per_feature(p_bar, pos_weight)


sigmoid_cross_entropy.defvjp(sigmoid_cross_entropy_fwd, sigmoid_cross_entropy_bwd)


def sigmoid_cross_entropy_reference(logits, labels, pos_weight=None):
    """From the probability of a yes."""
    p = 1 / (1 + jnp.exp(-logits))
    yes = labels if pos_weight is None else labels * jnp.broadcast_to(pos_weight, labels.shape)
    return -yes * jnp.log(p) - (1 - labels) * jnp.log1p(-p)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def focal(logits: Array, labels: Array, gamma: float = 2.0, alpha: float | None = None) -> Array:
    """Take the sigmoid cross-entropy, scaled down where the prediction is right already, element by element.

    Args:
      logits: ``[...]``, floating.
      labels: of the same shape and dtype, from 0 (no) to 1 (yes).
      gamma: not negative; the exponent of the error. With 0 this is the cross-entropy.
      alpha: from 0 to 1, the share of a yes, 1 - alpha being that of a no; None for 1 and 1.

    Returns:
      ``[...]``, each element's loss.

    Raises:
      TypeError, ValueError: dtypes or shapes differ, or an option is not in its range.
    """
    return focal_fwd(logits, labels, gamma, alpha)[0]


def focal_fwd(logits, labels, gamma, alpha):
    shapes("focal", logits=(logits, "..."), labels=(labels, "..."))
    require_number("focal", "gamma", gamma, "that is not negative", lambda v: v >= 0)
    if alpha is not None:
        require_number("focal", "alpha", alpha, "from 0 to 1", lambda v: 0 <= v <= 1)
    x, t = widen(logits), widen(labels)
    yes, no, costs = _both_ways(x)
    c = times(t, costs[1]) + times(1 - t, costs[0])
    loss = times(_share(t, alpha) * _power(t * no + (1 - t) * yes, gamma)[0], c)
    return loss.astype(logits.dtype), (logits, labels)


def focal_bwd(gamma, alpha, residuals, l_bar):
    logits, labels = residuals
    x, t, l_bar = widen(logits), widen(labels), widen(l_bar)
    yes, no, costs = _both_ways(x)
    power, q = _power(t * no + (1 - t) * yes, gamma)
    c = t * finite(costs[1]) + (1 - t) * finite(costs[0])
    a, a_t = _share(t, alpha), 0 if alpha is None else 2 * alpha - 1
    x_bar = l_bar * power * a * ((1 - t) * yes - t * no + gamma * ((1 - 2 * t) * yes * no / q) * c)
    t_bar = l_bar * power * (c * a_t + a * (gamma * ((no - yes) / q) * c - finite(x)))
    return cotangent(x_bar, logits), cotangent(t_bar, labels)


focal.defvjp(focal_fwd, focal_bwd)


def focal_reference(logits, labels, gamma=2.0, alpha=None):
    """From the probability of a yes."""
    p = 1 / (1 + jnp.exp(-logits))
    entropy = -labels * jnp.log(p) - (1 - labels) * jnp.log1p(-p)
    yes, no = (1.0, 1.0) if alpha is None else (alpha, 1 - alpha)
    return (yes * labels + no * (1 - labels)) * (p + labels - 2 * p * labels) ** gamma * entropy


def _both_ways(x):
    """σ(x), σ(-x), and the softplus of both, by one exponential."""
    up = x >= 0
    e = jnp.exp(jnp.where(up, -x, x))
    large, small, rest = 1 / (1 + e), e / (1 + e), jnp.log1p(e)
    softplus = jnp.where(up, x, 0) + rest, jnp.where(up, 0, -x) + rest
    return jnp.where(up, large, small), jnp.where(up, small, large), softplus


def _power(q, gamma):
    """q^γ, and q to divide by: its limit and 1 where q is 0."""
    some = ~(q <= 0)  # NaN stays NaN
    q = jnp.where(some, q, 1)
    power = q ** (int(gamma) if float(gamma).is_integer() else gamma)  # a whole power is a product
    return jnp.where(some, power, 1 if gamma == 0 else 0), q


def _share(t, alpha):
    return jnp.ones_like(t) if alpha is None else alpha * t + (1 - alpha) * (1 - t)
