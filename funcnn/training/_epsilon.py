"""What a run of private training has revealed about one example."""

from .._extras import extra
from ..rules._common._checks import require_number
from ._data import require_count


def epsilon(
    noise: float, delta: float, *, epochs: int | None = None, steps: int | None = None, rate: float | None = None
) -> float:
    """ε of a run of `private` training, so that it is (ε, δ)-differentially private.

    - ``epochs``: for `fit` on arrays. Each example is in one batch of an epoch, so that an epoch reveals as much as one
      Gaussian mechanism. That holds in whatever order the batches come. Nothing is won by their being drawn at random.
    - ``steps`` and ``rate``: for Poisson sampling, by `poisson_batches`. Each example is in each batch with probability
      ``rate``, on its own. That is far less, and it does not hold for shuffled epochs.

    Two data sets are neighbours if an example of one is left out of the other, where its gradient counts as 0.

    Args:
      noise: that of `private`.
      delta: above 0 and below 1, well below one by the number of examples.
      epochs: how many were trained.
      steps: how many were taken; either these and a rate, or epochs.
      rate: above 0, up to 1: the expected batch size by the number of examples.

    Returns:
      ε, an upper bound; inf without noise.

    Raises:
      TypeError, ValueError: an argument is not as described.
      ImportError: dp-accounting is not installed.

    Example:
      >>> epsilon(noise=1.1, delta=1e-5, epochs=10)  # doctest: +SKIP
      15.78...
      >>> epsilon(noise=1.1, delta=1e-5, steps=1000, rate=0.01)  # doctest: +SKIP
      1.51...

    Source:
      Doroshenko et al., "Connect the dots: tighter discrete approximations of privacy loss distributions", 2022, as
      Google's dp-accounting has it.
      Chua et al., "How private are DP-SGD implementations?", 2024, on what shuffling does not give.
    """
    require_number("epsilon", "noise", noise, "of at least 0", lambda v: v >= 0)
    require_number("epsilon", "delta", delta, "above 0 and below 1", lambda v: 0 < v < 1)
    count = _count(epochs, steps, rate)
    if rate is not None:
        require_number("epsilon", "rate", rate, "above 0 and up to 1", lambda v: 0 < v <= 1)
    if noise == 0:
        return float("inf")
    accounting, pld = extra("dp_accounting", "privacy"), extra("dp_accounting.pld", "privacy")
    event = accounting.GaussianDpEvent(noise)
    event = event if rate is None else accounting.PoissonSampledDpEvent(rate, event)
    return float(pld.PLDAccountant().compose(event, count).get_epsilon(delta))


def _count(epochs, steps, rate) -> int:
    if (epochs is None) == (steps is None) or (steps is None) != (rate is None):
        given = f"epochs={epochs!r}, steps={steps!r}, rate={rate!r}"
        raise TypeError(f"epsilon takes either epochs, or steps and a rate, got {given}")
    name, count = ("steps", steps) if epochs is None else ("epochs", epochs)
    return require_count(name, count, low=1)
