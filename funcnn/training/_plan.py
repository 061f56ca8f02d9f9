"""How far a run goes, and where it has to pause on its way, counted in epochs and steps from the beginning."""

from typing import NamedTuple

from ._state import TrainState

DISPATCH_SECONDS = 0.25  # how much work to hand to the device at once: small enough for a lively progress bar


class Plan(NamedTuple):
    """Where training ends and where its moments have to be. The others are where they suit the source.

    Attributes:
      epochs: after so many epochs it ends; None does not say.
      steps: after so many steps it ends; None does not say.
      interval: after each so many steps a row of the history ends; None ends one with each epoch.
      row_by_row: whether there is a moment at each row's end.
      pauses: at each multiple of these steps there is a moment.
    """

    epochs: int | None = None
    steps: int | None = None
    interval: int | None = None
    row_by_row: bool = False
    pauses: tuple[int, ...] = ()

    def over(self, state: TrainState) -> bool:
        """Whether training has come to its end."""
        if self.steps is not None and int(state.step) >= self.steps:
            return True
        return self.epochs is not None and int(state.position.epoch) >= self.epochs

    def ahead(self, state: TrainState, batches: int | None = None) -> int | None:
        """How many steps there are to the next place where training has to end or to pause; None if nobody can tell.

        Args:
          state: where training stands.
          batches: how many steps an epoch has; None if that is not known.
        """
        at, (epoch, batch) = int(state.step), map(int, state.position)
        every = (*self.pauses, *([self.interval] if self.interval else []))
        steps = [k - at % k for k in every]
        if self.steps is not None:
            steps.append(self.steps - at)
        if batches is not None and self.epochs is not None:
            steps.append((self.epochs - epoch) * batches - batch)
        if batches is not None and self.row_by_row and not self.interval:
            steps.append(batches - batch)
        return min(steps, default=None)

    @property
    def rows_in_loops(self) -> bool:
        """Whether rows end with epochs inside of a loop that goes through many of them."""
        return not self.interval and not self.row_by_row

    def row_ends(self, state: TrainState) -> bool:
        """Whether a row ends where training stands, of those that do not end inside of a loop."""
        if self.interval:
            return int(state.step) % self.interval == 0
        return self.row_by_row and int(state.position.batch) == 0


def next_count(count: int, seconds: float, enough: float = DISPATCH_SECONDS) -> int:
    """As many steps as take enough seconds, when so many took so long."""
    return max(1, min(8 * count, int(count * enough / seconds)))
