"""Group-relative policy optimisation.

For a token of log-probability π, of π_old when it was drawn and ρ under the reference, in an answer of advantage A,

    r = e^(π - π_old),    l = -min(r A, clip(r, 1 - ε, 1 + ε_high) A) + β (e^(ρ - π) - (ρ - π) - 1).

An answer's loss is the mean over its tokens. The mean over all tokens (DAPO) and the sum over a fixed length (Dr. GRPO) are
other weights of the same tokens.

Source
    Shao et al., "DeepSeekMath", 2024, eq. 3 and 4; Yu et al., "DAPO", 2025, eq. 8 (ε_high, tokens); Liu et al.,
    "Understanding R1-Zero-like training", 2025, section 3.2 (Dr. GRPO); Zheng et al., "Group sequence policy optimization",
    2025, eq. 7 (one ratio an answer).
"""

import jax
import jax.numpy as jnp
from jax import Array

from .._arrays import of_arrays
from .._reduction import as_weights
from ..rules._common._checks import is_int, require_number
from ._sequences import Prediction, as_shaped, mean_over_tokens, token_log_probs


@of_arrays
def grpo(
    prediction: Prediction,
    labels: Array,
    advantages: Array,
    old: Array | None = None,
    reference: Array | None = None,
    weight: Array | None = None,
    *,
    beta: float = 0.04,
    epsilon: float = 0.2,
    epsilon_high: float | None = None,
    loss_type: str = "grpo",
    max_completion_length: int | None = None,
    importance_sampling_level: str = "token",
    temperature: float = 1.0,
    ignore: int = -100,
    softcap: float | None = None,
) -> Array:
    """Group-relative policy optimisation of answers with advantages.

    The prediction is ``(x, w)`` or ``(x, w, b)`` with hidden states ``[answers, tokens, n]``, or log-probabilities
    ``[answers, tokens]``. Labels are ``[answers, tokens]``, ``ignore`` where a token is of the prompt or padding.

    - ``advantages`` are ``[answers]``, such as ``(reward - its group's mean) / its group's deviation``.
    - ``old`` ``[answers, tokens]`` are the log-probabilities of when the answers were drawn; None for the present ones.
    - ``reference`` ``[answers, tokens]`` are those of the reference model; None to leave its term out.
    - ``loss_type`` is ``"grpo"``, the mean over answers of the mean over tokens, or ``"dapo"``, the mean over all tokens.
      ``"dr_grpo"`` is the sum over tokens by ``max_completion_length`` (None for the axis), averaged over answers.
    - ``importance_sampling_level`` is ``"token"``, or ``"sequence"`` for one ratio an answer, the tokens' geometric mean.
    - ``temperature`` is that at which the answers were drawn; log-probabilities have it already.
    - ``beta`` weighs the reference's term. The ratio is clipped from ``1 - epsilon`` to ``1 + epsilon_high``; None for
      ``epsilon``.

    Raises:
      TypeError, ValueError: the dtypes, shapes or options are not these, or a label is outside the classes.

    Example:
      >>> labels, log_prob = jnp.zeros((2, 3), int), jnp.zeros((2, 3))
      >>> float(grpo(log_prob, labels, jnp.array([1.0, -3.0])))
      1.0
    """
    _require("loss_type", loss_type, ("grpo", "dapo", "dr_grpo"))
    _require("importance_sampling_level", importance_sampling_level, ("token", "sequence"))
    epsilon_high = epsilon if epsilon_high is None else epsilon_high
    for name, value in (("beta", beta), ("epsilon", epsilon), ("epsilon_high", epsilon_high)):
        require_number("grpo", name, value, "that is not negative", lambda v: v >= 0)
    if max_completion_length is not None and (not is_int(max_completion_length) or max_completion_length < 1):
        raise ValueError(f"grpo: max_completion_length must be a positive int, got {max_completion_length!r}")
    log_prob, counts = token_log_probs("grpo", prediction, labels, weight, ignore, temperature, softcap)
    dtype = log_prob.dtype
    advantages = as_shaped("grpo", "advantages", advantages, labels.shape[:-1], dtype)
    old, reference = (
        None if a is None else as_shaped("grpo", name, a, labels.shape, dtype)
        for name, a in (("old", old), ("reference", reference))
    )
    at_drawing = jax.lax.stop_gradient(log_prob) if old is None else old
    moved = jnp.where(counts == 0, 0, log_prob - at_drawing)
    if importance_sampling_level == "sequence":
        moved = jnp.broadcast_to(mean_over_tokens(moved, counts)[..., None], moved.shape)
    ratio, gain = jnp.exp(moved), jnp.where(counts == 0, 0, advantages[..., None])
    clipped = jnp.clip(ratio, 1 - epsilon, 1 + epsilon_high)
    loss = -jnp.minimum(ratio * gain, clipped * gain)
    if reference is not None and beta:
        further = jnp.where(counts == 0, 0, reference - log_prob)
        loss = loss + beta * (jnp.expm1(further) - further)
    return _averaged(loss, counts, as_weights(weight, counts[..., 0], dtype), loss_type, max_completion_length)


def _averaged(loss, counts, weight, loss_type, max_completion_length):
    """The tokens' losses, averaged over tokens and answers."""
    counts = counts * weight[..., None]
    answers = jnp.sum(weight)
    if loss_type == "dapo":
        total, tokens = jnp.sum(loss * counts), jnp.sum(counts)
        return total / jnp.where(tokens == 0, 1, tokens)
    if loss_type == "dr_grpo":
        of_answers = jnp.sum(loss * counts, axis=-1) / (max_completion_length or loss.shape[-1])
    else:
        of_answers = mean_over_tokens(loss, counts) * weight
    return jnp.sum(of_answers) / jnp.where(answers == 0, 1, answers)


def _require(name, value, words):
    if value not in words:
        raise ValueError(f"grpo: {name} must be {' or '.join(map(repr, words))}, got {value!r}")
