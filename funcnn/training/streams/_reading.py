"""Batches as training reads them: mapped, examined and put on the device, with the place in the data after each."""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from itertools import count, islice
from typing import NamedTuple

import jax
import numpy as np

from .._data import as_data, examine
from .._map import Map, compiled_key, with_key
from .._noted import noted
from .._objective import Batch
from .._trees import differences
from ._encoded import decoded, encoded
from ._iterables import Pass, Passes
from ._prefetch import prefetched

ENOUGH = 4096  # examples to calibrate on
_END = object()


class Place(NamedTuple):
    """Where to begin.

    Attributes:
      epoch, batch: of the state's position.
      step: how many steps have been taken.
      key: the state's.
      saved: the state of the data's own, encoded; None if there is no such.
      skip: how many batches are to be left out to get there, without one.
    """

    epoch: int
    batch: int
    step: int
    key: jax.Array
    saved: bytes | None = None
    skip: int = 0


class Read(NamedTuple):
    """What was read.

    Attributes:
      batch: on the device; None at the end of an epoch.
      epoch, number: of the batch, which is counted within the epoch.
      saved: the data's own state after it, encoded; None if they have none.
    """

    batch: Batch | None
    epoch: int
    number: int
    saved: bytes | None = None


def reads(
    open: Callable[..., Pass], prepare: Callable[..., Batch], place: Place, epochs: int | None, steps: int | None
) -> Generator[Read]:
    """What is read from a place on, to before that epoch's beginning or that step.

    Args:
      open: ``open(epoch, key, saved) -> Pass``, as in `Passes`.
      prepare: ``prepare(raw, key) -> batch``, with a function that gives the key.
      place: where to begin.
      epochs, steps: where to end; None does not say.
    """
    step, number, saved, skip = place.step, place.batch, place.saved, place.skip
    for epoch in count(place.epoch) if epochs is None else range(place.epoch, epochs):
        iterator, state = open(epoch, place.key, None if saved is None else decoded(saved))
        _skip(iterator, skip, epoch)
        while step != steps:
            with naming(number, f"epoch {epoch}"):
                if (raw := next(iterator, _END)) is _END:
                    break
                batch = prepare(raw, partial(compiled_key, place.key, step))
            yield Read(batch, epoch, number, None if state is None else encoded(state()))
            step, number = step + 1, number + 1
        if step == steps:
            return
        if number == 0:
            raise ValueError(f"data must have at least one batch an epoch, got none in epoch {epoch}")
        yield Read(None, epoch, number)
        number, saved, skip = 0, None, 0


def _skip(iterator, skip, epoch):
    found = sum(1 for _ in islice(iterator, skip))
    if found < skip:
        raise ValueError(f"data must have the {skip} batches that were trained on in epoch {epoch}, got {found}")


def naming(number: int, where: str) -> AbstractContextManager[None]:
    """Says of an error in which batch of an epoch, or of validation, it lies."""
    return noted(f"This was batch {number} of {where}, counted from 0.")


def prepared(
    map: Map | None = None,
    like: Batch | None = None,
    put: Callable[[Batch], Batch] | None = None,
    kept: bool = False,
) -> Callable[..., Batch]:
    """A function ``(raw, key) -> batch``, which maps, examines, and puts on the device.

    Args:
      map: what is done to a batch on the host; None does nothing. One that takes a key is given what ``key()`` gives.
      like: a batch, whose structure and dtypes others must have.
      put: puts a batch on several devices; None on one.
      kept: whether the arrays stay as they are while steps read them, and need not be copied.
    """
    apply = with_key(map) if map else lambda raw, key: raw
    examined = set()  # such batches again are good, which is known sooner than it is found out

    def prepare(raw, key=None):
        batch = apply(raw, key)
        if (such := _arrays_of(batch)) is None or such not in examined:
            batch = _examined(batch, like)
            examined.add(such)
        return (put or _placed)(jax.tree.map(partial(_held, copy=None if kept else True), tuple(batch)))

    return prepare


def _arrays_of(batch):
    """Its structure, dtypes and shapes, if its leaves are NumPy's or JAX's arrays already."""
    leaves, structure = jax.tree.flatten(batch)
    if all(isinstance(a, (np.ndarray, jax.Array)) for a in leaves):
        return structure, *((a.dtype, a.shape) for a in leaves)
    return None


def _examined(batch, like):
    if isinstance(batch, Mapping):
        raise TypeError(f"batch must be a tuple (inputs, *targets), got a dict of {list(batch)}: a map makes one of it")
    batch = as_data(batch, "batch")
    examine(batch, "batch", finite=False)
    if like is not None and (found := list(differences(_kinds(batch), _kinds(like)))):
        raise ValueError(f"batches must have the structure and the dtypes of the first: {'; '.join(found)}")
    return batch


def _held(a, copy):
    """An array of the device's dtype; of NumPy's a copy: who yields a buffer may fill it anew while the step reads it."""
    return a if isinstance(a, jax.Array) else np.array(a, jax.dtypes.canonicalize_dtype(a.dtype), copy=copy)


def _placed(batch):
    """On the device. On a CPU compiled functions read NumPy's arrays where they are."""
    return batch if jax.default_backend() == "cpu" else jax.device_put(batch)


def _kinds(batch):
    """The dtype on the device and the number of axes of each array, by its path."""
    kind = lambda a: f"{jax.dtypes.canonicalize_dtype(a.dtype)} with {a.ndim} axes"
    return {f"batch{jax.tree_util.keystr(path)}": kind(a) for path, a in jax.tree_util.tree_leaves_with_path(batch)}


def whole(passes: Passes) -> Callable[[], Iterator[Batch]]:
    """A function that gives an iterator over all batches of data that can be passed through any number of times.

    Raises:
      ValueError: the data are an iterator.
    """
    if passes.once:
        raise ValueError(
            f"{passes.what} must be passed through more than once, and {type(passes.data).__name__} is an iterator: pass a "
            "function that gives a fresh one"
        )
    return lambda: once_through(passes)


def once_through(passes: Passes) -> Iterator[Batch]:
    """An iterator over all batches of the first pass, as they are to be measured."""
    prepare = prepared(kept=passes.at_hand)

    def batches():
        for number, raw in enumerate(passes.open(0).iterator):
            with naming(number, passes.what):
                yield prepare(raw)

    return batches() if passes.at_hand else prefetched(batches())
