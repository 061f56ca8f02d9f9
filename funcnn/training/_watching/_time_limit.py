"""Ends training when its time is up."""

from .._watchers import Moment, Watcher


def time_limit(*, minutes: float) -> Watcher:
    """A watcher that ends training after so many minutes, at the next row of the history or sooner.

    `fit` then returns, and saves if it keeps checkpoints. Each call of `fit` has the time anew.

    Args:
      minutes: of training, compilation and validation included.

    Raises:
      ValueError: minutes is not a positive number.

    Example:
      >>> x, y = jnp.eye(2), jnp.array([[1.0], [0.0]])
      >>> state, history = fit(linear(1), losses.squared_error, optax.sgd(0.1), (x, y), epochs=100_000,
      ...                      key=jax.random.key(0), watch=[time_limit(minutes=0.001)], progress=False)
      >>> 0 < len(history["loss"]) < 100_000
      True
    """
    if isinstance(minutes, bool) or not isinstance(minutes, (int, float)) or not minutes > 0:
        raise ValueError(f"time_limit: minutes must be a positive number, got {minutes!r}")

    began = 0.0

    def watch(moment: Moment) -> bool:
        nonlocal began
        if moment.is_first:
            began = moment.seconds  # of the runs before, from whose checkpoint this one goes on
        return moment.seconds - began >= 60 * minutes

    return watch
