"""What is read ahead, by a thread of its own."""

from collections.abc import Generator
from queue import SimpleQueue
from threading import Event, Semaphore, Thread
from typing import Any, TypeVar

T = TypeVar("T")

_END = object()
_PATIENCE = 5.0  # seconds that the end of training waits for an item under way


def prefetched(items: Generator[T], ahead: int = 2) -> Generator[T]:
    """The items of a generator, so many of which a thread makes ahead. Closing this closes the generator, on its thread.

    An exception of the generator is raised in place of the item at which it came.
    """
    ready: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
    room, stopped = Semaphore(ahead), Event()

    def work():
        item = None
        try:
            while item is not _END and room.acquire() and not stopped.is_set():
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
            room.release()
            yield item
    finally:
        stopped.set()
        room.release()
        thread.join(_PATIENCE)
