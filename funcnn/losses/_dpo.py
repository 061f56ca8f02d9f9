"""Direct preference optimisation.

With π the policy's and ρ the reference's log-probability of a whole answer, c of the chosen and r of the rejected one,

    h = β ((π_c - ρ_c) - (π_r - ρ_r)),    l = -(1 - ε) log σ(h) - ε log σ(-h).

Source
    Rafailov et al., "Direct preference optimization: your language model is secretly a reward model", 2023, eq. 7;
    Mitchell, "A note on DPO with noisy preferences", 2023, eq. 3 (ε).
"""

import jax.numpy as jnp
from jax import Array

from .. import rules
from .._arrays import of_arrays
from .._reduction import reduced
from ..rules._common._checks import require_number
from ._sequences import Prediction, as_shaped, pair_of, token_log_probs


@of_arrays
def dpo(
    prediction: Prediction,
    labels: Array,
    reference: Array,
    weight: Array | None = None,
    *,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
    ignore: int = -100,
    softcap: float | None = None,
    reduction: str = "mean",
) -> Array:
    """Direct preference optimisation of pairs of answers.

    The prediction is ``(x, w)`` or ``(x, w, b)`` with hidden states ``[..., 2, tokens, n]``, the chosen answer before the
    rejected one; or log-probabilities ``[..., 2, tokens]``. Labels are ``[..., 2, tokens]``, ``ignore`` where a token is of
    the prompt or padding. The reference is ``[..., 2]``, each answer's log-probability under the reference model; zeros
    for none. ``beta`` is above 0, and ``label_smoothing`` the share of pairs that may be the wrong way round.

    Raises:
      TypeError, ValueError: the dtypes, shapes or options are not these, or a label is outside the classes.

    Example:
      >>> labels, log_prob = jnp.zeros((4, 2, 3), int), jnp.zeros((4, 2, 3))
      >>> float(dpo(log_prob, labels, jnp.zeros((4, 2))).round(4))
      0.6931
    """
    pair_of("dpo", labels)
    log_prob, _ = token_log_probs("dpo", prediction, labels, weight, ignore, softcap=softcap)
    require_number("dpo", "beta", beta, "above 0", lambda v: v > 0)
    require_number("dpo", "label_smoothing", label_smoothing, "from 0 to 1", lambda v: 0 <= v <= 1)
    reference = as_shaped("dpo", "reference", reference, labels.shape[:-1], log_prob.dtype)
    reward = jnp.sum(log_prob, axis=-1) - reference

    def each(reward):
        h = beta * (reward[..., 0] - reward[..., 1])
        right = -(1 - label_smoothing) * rules.log_sigmoid(h)
        return right - label_smoothing * rules.log_sigmoid(-h) if label_smoothing else right

    return reduced(each, (reward,), weight, reduction)
