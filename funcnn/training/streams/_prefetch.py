"""What is read ahead, by a thread of its own."""

from collections.abc import Generator
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any, TypeVar

T = TypeVar("T")

_END = object()
_PATIENCE = 5.0  # seconds that the end of training waits for an item under way


def prefetched(items: Generator[T], ahead: int = 2) -> Generator[T]:
    """The items of a generator, so many of which a thread makes ahead. Closing this closes the generator, on its thread.

    An exception of the generator is raised in place of the item at which it came.
    """
    ready: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
    room: SimpleQueue[None] = SimpleQueue()  # an entry for each item that may be made: sooner than a Semaphore
    stopped = Event()
    for _ in range(ahead):
        room.put(None)

    def work():
        item = None
        try:
            while item is not _END:
                room.get()
                if stopped.is_set():
                    return
                item = next(items, _END)
                ready.put((item, None))
        except BaseException as error:
            ready.put((_END, error))
        finally:
            items.close()

    thread = Thread(target=work, name="funcnn-data", daemon=True)  # a stalled one does not keep the process from ending
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if error is not None:
                raise error
            if item is _END:
                return
            room.put(None)
            yield item
    finally:
        stopped.set()
        room.put(None)
        thread.join(_PATIENCE)
