"""Odds-ratio preference optimisation: no reference model.

With q the mean log-probability of an answer's tokens, c of the chosen and r of the rejected one,

    log odds q = q - log(1 - e^q),    l = -q_c - β log σ(log odds q_c - log odds q_r).

Source
    Hong, Lee & Thorne, "ORPO: monolithic preference optimization without reference model", 2024, eq. 6 and 7.
"""

import jax.numpy as jnp
from jax import Array

from .. import rules
from .._arrays import of_arrays
from .._reduction import reduced
from ..rules._common._checks import require_number
from ._sequences import Prediction, mean_over_tokens, pair_of, token_log_probs


@of_arrays
def orpo(
    prediction: Prediction,
    labels: Array,
    weight: Array | None = None,
    *,
    beta: float = 0.1,
    ignore: int = -100,
    softcap: float | None = None,
    reduction: str = "mean",
) -> Array:
    """Odds-ratio preference optimisation of pairs of answers; prediction and labels as `dpo`'s.

    ``beta``, above 0, is the paper's λ. An answer without tokens has q = 0, and odds as large as the dtype tells from
    certainty.

    Raises:
      TypeError, ValueError: as `dpo`.

    Example:
      >>> labels, log_prob = jnp.zeros((4, 2, 3), int), jnp.full((4, 2, 3), -1.0)
      >>> print(f"{orpo(log_prob, labels):.4f}")
      1.0693
    """
    pair_of("orpo", labels)
    require_number("orpo", "beta", beta, "above 0", lambda v: v > 0)
    log_prob, counts = token_log_probs("orpo", prediction, labels, weight, ignore, softcap=softcap)

    def each(q):
        odds = q - _log_of_the_rest(q)
        return -q[..., 0] - beta * rules.log_sigmoid(odds[..., 0] - odds[..., 1])

    return reduced(each, (mean_over_tokens(log_prob, counts),), weight, reduction)


def _log_of_the_rest(q):
    """log(1 - e^q) of log-probabilities, the digits of small and of large ones kept; of 0 as of the next number below."""
    q = jnp.minimum(q, -jnp.finfo(q.dtype).eps)
    small = q < -0.6931
    return jnp.where(small, jnp.log1p(-jnp.exp(jnp.where(small, q, -1))), jnp.log(-jnp.expm1(jnp.where(small, -1, q))))
