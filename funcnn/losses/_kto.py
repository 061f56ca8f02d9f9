"""Kahneman-Tversky optimisation: single answers, each desirable or not.

With r = π - ρ, the log-probability of an answer under the policy less that under the reference, and z how far the policy
has moved from the reference on the whole,

    l = λ_d (1 - σ(β (r - z))) if desirable,    λ_u (1 - σ(β (z - r))) if not.

Source
    Ethayarajh et al., "KTO: model alignment as prospect theoretic optimization", 2024, eq. 8.
"""

import jax
import jax.numpy as jnp
from jax import Array

from .. import rules
from .._arrays import of_arrays
from .._reduction import reduced
from ..rules._common._checks import describe, is_array, require_number, require_shape
from ._sequences import Prediction, as_shaped, token_log_probs


@of_arrays
def kto(
    prediction: Prediction,
    labels: Array,
    desirable: Array,
    reference: Array,
    weight: Array | None = None,
    *,
    kl: Array | float = 0.0,
    beta: float = 0.1,
    desirable_weight: float = 1.0,
    undesirable_weight: float = 1.0,
    ignore: int = -100,
    softcap: float | None = None,
    reduction: str = "mean",
) -> Array:
    """Kahneman-Tversky optimisation of answers, each desirable or not.

    The prediction is ``(x, w)`` or ``(x, w, b)`` with hidden states ``[..., tokens, n]``, or log-probabilities
    ``[..., tokens]``. Labels are ``[..., tokens]``, ``ignore`` where a token is of the prompt or padding. ``desirable`` is
    ``[...]``, booleans; the reference ``[...]``, each answer's log-probability under the reference model. ``kl`` is z, a
    number that is not differentiated and counts as 0 where it is negative: the mean of r over answers to other prompts.
    ``desirable_weight`` and ``undesirable_weight`` are λ_d and λ_u.

    Raises:
      TypeError, ValueError: the dtypes, shapes or options are not these, or a label is outside the classes.

    Example:
      >>> labels, log_prob = jnp.zeros((4, 3), int), jnp.zeros((4, 3))
      >>> float(kto(log_prob, labels, jnp.array([True, False, True, False]), jnp.zeros(4)))
      0.5
    """
    weights = {"desirable_weight": desirable_weight, "undesirable_weight": undesirable_weight}
    for name, value in ({"beta": beta} | weights).items():
        require_number("kto", name, value, "that is not negative", lambda v: v >= 0)
    is_number = isinstance(kl, (int, float)) or (is_array(kl) and kl.shape == ())
    require_shape("kto", "kl", kl, "a number", is_number)
    log_prob, _ = token_log_probs("kto", prediction, labels, weight, ignore, softcap=softcap)
    reference = as_shaped("kto", "reference", reference, labels.shape[:-1], log_prob.dtype)
    good = as_shaped("kto", "desirable", desirable, labels.shape[:-1], None)
    if good.dtype != bool:  # such as the reference, in its place
        raise TypeError(f"kto: desirable must be an array of booleans, got {describe(good)}")
    reward = jnp.sum(log_prob, axis=-1) - reference
    z = jnp.maximum(jax.lax.stop_gradient(jnp.asarray(kl, log_prob.dtype)), 0)

    def each(reward, good):
        above = beta * (reward - z)
        gain = desirable_weight * rules.sigmoid(-above)
        return jnp.where(good != 0, gain, undesirable_weight * rules.sigmoid(above))

    return reduced(each, (reward, good.astype(reward.dtype)), weight, reduction)
