"""Losses of numbers: of a difference, and the likelihoods of counts and of values."""

from jax import Array

from .. import rules
from .._arrays import of_arrays
from .._reduction import reduced
from ..rules._common._checks import describe


@of_arrays
def squared_error(prediction: Array, target: Array, weight: Array | None = None, *, reduction: str = "mean") -> Array:
    """Squared difference, ``[...]`` of both. Texts that train from scratch often use ``reduction="sum"``.

    Example:
      >>> float(squared_error(jnp.array([1.0, 2.0]), jnp.array([1.0, 4.0])))
      2.0
    """
    return reduced(rules.squared_error, (prediction, target), weight, reduction)


@of_arrays
def absolute_error(prediction: Array, target: Array, weight: Array | None = None, *, reduction: str = "mean") -> Array:
    """Absolute difference, ``[...]`` of both."""
    return reduced(rules.absolute_error, (prediction, target), weight, reduction)


@of_arrays
def huber(
    prediction: Array, target: Array, weight: Array | None = None, *, delta: float = 1.0, reduction: str = "mean"
) -> Array:
    """Half the squared difference up to ``delta``, linear beyond, ``[...]`` of both."""
    return reduced(lambda *rows: rules.huber(*rows, delta), (prediction, target), weight, reduction)


@of_arrays
def log_cosh(prediction: Array, target: Array, weight: Array | None = None, *, reduction: str = "mean") -> Array:
    """Logarithm of the hyperbolic cosine of the difference, ``[...]`` of both."""
    return reduced(rules.log_cosh, (prediction, target), weight, reduction)


@of_arrays
def poisson_nll(
    prediction: Array,
    target: Array,
    weight: Array | None = None,
    *,
    full: bool = False,
    log_input: bool = True,
    reduction: str = "mean",
) -> Array:
    """Negative log-likelihood of counts under a Poisson distribution, ``[...]`` of both."""
    return reduced(lambda *rows: rules.poisson_nll(*rows, full, log_input), (prediction, target), weight, reduction)


@of_arrays
def gaussian_nll(
    prediction: tuple[Array, Array],
    target: Array,
    weight: Array | None = None,
    *,
    eps: float = 1e-6,
    full: bool = False,
    reduction: str = "mean",
) -> Array:
    """Negative log-likelihood of values under a normal distribution, ``[...]`` of all three.

    The prediction is the pair of mean and variance, such as two layers in `parallel` give.
    """
    if not isinstance(prediction, (tuple, list)) or len(prediction) != 2:
        raise TypeError(f"gaussian_nll: prediction must be a pair (mean, variance), got {describe(prediction)}")
    mean, variance = prediction
    return reduced(lambda *rows: rules.gaussian_nll(*rows, eps, full), (mean, target, variance), weight, reduction)
