"""Batches from anything that gives them: iterables, iterators, functions; and the states of those that have one."""

import inspect
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, NamedTuple

import jax


def are_batches(data: Any) -> bool:
    """Whether these are batches, or a function to them: not a batch itself, nor an array of some library.

    A list of tuples or of lists is one of batches. A tuple is a batch.
    """
    if isinstance(data, list):
        return bool(data) and all(isinstance(item, (tuple, list)) for item in data)
    no = isinstance(data, (tuple, dict, str, bytes)) or hasattr(data, "__array__") or hasattr(data, "toarray")
    return not no and (callable(data) or hasattr(type(data), "__iter__"))


class Pass(NamedTuple):
    """Once through the data.

    Attributes:
      iterator: over the batches.
      state: gives what another pass can be opened with, to go on after the batches taken so far; None if there is no such.
    """

    iterator: Iterator[Any]
    state: Callable[[], Any] | None = None


class Passes:
    """Data to be passed through: an iterable, a function to one, of no argument or of the epoch's number, or an iterator.

    Attributes:
      first: the first batch, as it came. It is read here, and is a part of the first pass all the same.
      once: whether the data are an iterator, which can be passed through once.
      at_hand: whether the data are a list: its batches need not be waited for, and nobody fills their arrays anew.
    """

    def __init__(self, data: Any, what: str = "data"):
        self.data, self.what = data, what
        self.once = hasattr(type(data), "__next__")
        self.at_hand = type(data) is list  # one of its own class may yield what it likes
        iterator, state = opened(data, 0, what=what)
        try:
            self.first = next(iterator)
        except StopIteration:
            raise ValueError(f"{what} must have at least one batch, got none") from None
        self._ready: Pass | None = Pass(chain([self.first], iterator), state)

    def open(self, epoch: int, key: jax.Array | None = None, saved: Any = None) -> Pass:
        """A pass from its beginning, or from where its state was saved.

        Args:
          epoch: the number.
          key: the training state's, which such data do not need.
          saved: the state of an earlier pass; None begins one.

        Raises:
          ValueError: the data are an iterator, and were passed through.
        """
        del key
        ready, self._ready = self._ready, None
        if saved is not None:
            return opened(self.data, epoch, saved, self.what)
        if ready is not None and (epoch == 0 or self.once):
            return ready
        if self.once:
            raise ValueError(
                f"{self.what} ended before training did, and {type(self.data).__name__} is an iterator, which cannot begin "
                "again: pass a function that gives a fresh one, called once an epoch"
            )
        return opened(self.data, epoch, what=self.what)

    def after(self, batches: int) -> Any:
        """The state after so many batches, where that is known without reading them: it is not."""
        del batches


def opened(data: Any, epoch: int, saved: Any = None, what: str = "data") -> Pass:
    """A pass through the data.

    States are those that grain's iterators have (``get_state``, ``set_state``), and those of torchdata's
    StatefulDataLoader and of Hugging Face's streams (``state_dict``, ``load_state_dict``).

    Raises:
      TypeError: the data are not such; or there is a state, and nothing that takes it.
    """
    loader = data if hasattr(type(data), "__iter__") else data(*[epoch] * _takes_epoch(data))
    if not hasattr(type(loader), "__iter__"):
        raise TypeError(f"{what} must give an iterable of batches when called, got {type(loader).__name__}")
    if saved is not None and hasattr(loader, "load_state_dict"):
        loader.load_state_dict(saved)
    iterator = iter(loader)
    if hasattr(iterator, "set_state"):
        if saved is not None:
            iterator.set_state(saved)
        return Pass(iterator, iterator.get_state)
    if saved is not None and not hasattr(loader, "load_state_dict"):
        raise TypeError(
            f"{what} must take the state that was saved, by set_state or load_state_dict, got {type(iterator).__name__}"
        )
    return Pass(iterator, getattr(loader, "state_dict", None))


def _takes_epoch(function: Callable[..., Any]) -> bool:
    """Whether it has an argument without which it cannot be called, or one of that name."""
    try:
        arguments = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # of what C wrote
        return False
    positional = [a for a in arguments if a.kind in (a.POSITIONAL_ONLY, a.POSITIONAL_OR_KEYWORD)]
    return any(a.default is a.empty or a.name == "epoch" for a in positional)
