"""Batches that are drawn by chance: each example is in each of them with the same probability, on its own."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from ...rules._common._checks import require_key, require_number
from .._data import as_data, examine, rows
from .._objective import Batch


def poisson_batches(data: Any, rate: float, *, key: jax.Array) -> Callable[[int], Iterator[Batch]]:
    """Batches in which each example is with probability ``rate``, for `fit` with `private`: `epsilon` takes steps and rate.

    A batch has a last target more than the data, a weight: 1 for an example that was drawn, 0 for one that fills the batch
    up. What has weight 0 adds nothing to a loss of `funcnn.losses`, to a metric, or to a private gradient. So the
    random size of a batch, which may be 0, takes a few shapes: multiples of about a quarter of the expected size.

    Args:
      data: ``(inputs, *targets)``, arrays or pytrees of arrays with the examples along their first axis.
      rate: above 0, up to 1: the expected batch size by the number of examples.
      key: for the draws, another than those of `fit` and `private`. An epoch's batch is a function of the key, the epoch's
        number and its own.

    Returns:
      A function of the epoch's number to the epoch's batches, round(1 / rate) of them. `fit` goes on from within an epoch.

    Raises:
      TypeError, ValueError: an argument is not as described.

    Example:
      >>> data = jnp.ones((1000, 3)), jnp.zeros((1000, 1))
      >>> drawn = poisson_batches(data, rate=0.03, key=jax.random.key(2))
      >>> optimizer = private(optax.sgd(0.1), clip=1.0, noise=1.1, key=jax.random.key(1), batch_size=30)
      >>> state, history = fit(linear(1), losses.squared_error, optimizer, drawn, steps=40, key=jax.random.key(0),
      ...                      progress=False)
      >>> history["epoch"]
      array([1, 1])

    Source:
      Abadi et al., "Deep learning with differential privacy", 2016, section 3; Chua et al., "Scalable DP-SGD: shuffling vs.
      Poisson subsampling", 2024, on batches that are filled up.
    """
    data = jax.tree.map(np.asarray, as_data(data))
    n = examine(data)
    require_number("poisson_batches", "rate", rate, "above 0 and up to 1", lambda v: 0 < v <= 1)
    require_key("poisson_batches", key)
    unit = 8 * int(np.ceil(rate * n / 32))  # which 8 devices can divide

    def draw(epoch, number):
        drawn_key = jax.random.fold_in(jax.random.fold_in(key, epoch), number)
        (drawn,) = np.nonzero(np.asarray(jax.random.bernoulli(drawn_key, rate, (n,), mode="high")))
        size = unit * max(1, -(-len(drawn) // unit))
        weight = np.arange(size) < len(drawn)
        return *rows(data, np.resize(drawn, size)), weight.astype(np.float32)

    return lambda epoch: _Drawn(lambda number: draw(epoch, number), round(1 / rate))


class _Drawn:
    """An iterator over so many batches, each a function of its number, which goes on from any of them."""

    def __init__(self, draw: Callable[[int], Batch], count: int):
        self._draw, self._count, self._next = draw, count, 0

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        if self._next == self._count:
            raise StopIteration
        self._next += 1
        return self._draw(self._next - 1)

    def get_state(self) -> int:
        """How many were drawn."""
        return self._next

    def set_state(self, saved: int) -> None:
        """Go on after so many."""
        self._next = saved
