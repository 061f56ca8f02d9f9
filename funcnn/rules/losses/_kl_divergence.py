"""kl_divergence: the mathematics stands in `losses/_nll`."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_pair, require_shape
from .._common._cotangent import cotangent
from .._common._precision import times, widen


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def kl_divergence(log_predictions: Array, targets: Array, log_targets: bool = False) -> Array:
    """Relative entropy of the targets to the predictions, one number a row.

    Args:
      log_predictions: ``[..., classes]``, floating: logarithms of probabilities.
      targets: of the same shape and dtype: probabilities.
      log_targets: whether the targets are logarithms of probabilities too.

    Returns:
      ``[...]``, each row's divergence.

    Raises:
      TypeError, ValueError: dtypes or shapes differ.
    """
    return kl_divergence_fwd(log_predictions, targets, log_targets)[0]


def kl_divergence_fwd(log_predictions, targets, log_targets):
    require_pair("kl_divergence", log_predictions=log_predictions, targets=targets)
    require_shape("kl_divergence", "log_predictions", log_predictions, "[..., classes]", log_predictions.ndim >= 1)
    t, log_t = _probabilities(targets, log_targets)
    loss = jnp.sum(times(t, log_t - widen(log_predictions)), axis=-1)
    return loss.astype(log_predictions.dtype), (log_predictions, targets)


def kl_divergence_bwd(log_targets, residuals, l_bar):
    log_predictions, targets = residuals
    t, log_t = _probabilities(targets, log_targets)
    l_bar = widen(l_bar)[..., None]
    t_bar = l_bar * jnp.where(t == 0, 0, log_t + 1 - widen(log_predictions))
    return cotangent(-l_bar * t, log_predictions), cotangent(t * t_bar if log_targets else t_bar, targets)


kl_divergence.defvjp(kl_divergence_fwd, kl_divergence_bwd)


def kl_divergence_reference(log_predictions, targets, log_targets=False):
    """The sum of t log t less that of t q, each by itself."""
    t = jnp.exp(targets) if log_targets else targets
    entropy = -jnp.sum(t * jnp.log(t), axis=-1)
    return jnp.einsum("...k,...k->...", t, -log_predictions) - entropy


def _probabilities(targets, log_targets):
    """The targets and their logarithms, 0 in the place of log 0."""
    targets = widen(targets)
    t = jnp.exp(targets) if log_targets else targets
    return t, jnp.where(t == 0, 0, targets if log_targets else jnp.log(jnp.where(t == 0, 1, t)))
