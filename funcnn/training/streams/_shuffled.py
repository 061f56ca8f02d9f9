"""Arrays as batches that are made on the host, in the order in which the compiled loop takes them."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._data import rows
from .._objective import Batch
from .._order import epoch_order
from .._state import Position, TrainState
from ._iterables import Pass


class Shuffled(NamedTuple):
    """Data to be passed through, like `Passes`: each epoch in an order of its own.

    Attributes:
      data: ``(inputs, *targets)``, NumPy arrays.
      n: how many examples these are.
      batch_size: how many of them make a batch; all of them are taken as they come.
    """

    data: Batch
    n: int
    batch_size: int

    @property
    def first(self) -> Batch:
        """A batch like the first."""
        return rows(self.data, slice(self.batch_size))

    @property
    def once(self) -> bool:
        """They can be passed through any number of times."""
        return False

    def open(self, epoch: int, key: jax.Array, saved: Any = None) -> Pass:
        """The batches of an epoch, from the number that was saved on."""
        starts = iter(range((saved or 0) * self.batch_size, self.n, self.batch_size))
        state = TrainState((), (), key, jnp.int32(0), Position(np.int32(epoch)))
        order = np.arange(self.n) if self.batch_size == self.n else np.asarray(epoch_order(state, self.n))
        return Pass(rows(self.data, order[start : start + self.batch_size]) for start in starts)

    def after(self, batches: int) -> int:
        """The state after so many batches."""
        return batches
