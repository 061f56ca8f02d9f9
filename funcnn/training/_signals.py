"""Ctrl-C and SIGTERM while training: the step ends, the state is saved, the process ends; a second one ends it at once.

Of several processes all end after the same step, whichever of them got the signal.
"""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import jax

from ._together import together

_ENDS = {
    signal.SIGINT: KeyboardInterrupt,
    signal.SIGTERM: lambda: SystemExit(128 + signal.SIGTERM),
}


@contextmanager
def deferred_signals(active: bool) -> Iterator[Callable[[], None]]:
    """Keep the two signals until it is asked for them, by a function that then raises what they mean.

    Ctrl-C means KeyboardInterrupt, with which Python exits with 130, and SIGTERM means an exit with 143. What comes before
    the end of the context, and was not asked for, is raised at its end.

    Args:
      active: whether to; False leaves everything as it is. A thread other than the main one gets no signals, but those
        that other processes got.
    """
    came: list[int] = []

    def raise_what_came():
        everywhere = together(lambda: came.pop(0) if came else 0)
        if any(everywhere):
            number = signal.Signals(max(everywhere))
            _tell_of_others(number, everywhere)
            raise _ENDS[number]()

    def keep(number, frame):
        came.append(number)
        signal.signal(number, _at_once())
        print(f"{signal.Signals(number).name}: ends after this step, saved; a second one ends at once", file=sys.stderr)

    if not active:
        yield lambda: None
        return
    gets_signals = threading.current_thread() is threading.main_thread()
    heeded = [number for number in _ENDS if gets_signals and signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, keep) for number in heeded}
    try:
        yield raise_what_came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
    raise_what_came()


def _tell_of_others(number, everywhere):
    """Say who got the signal, where this process did not."""
    if not everywhere[jax.process_index()]:
        who = ", ".join(str(i) for i, came in enumerate(everywhere) if came)
        print(f"{number.name} came to process {who}: all end after this step, saved", file=sys.stderr)


def _at_once():
    """What the second signal does: a script ends in the middle of whatever it does, a notebook keeps its kernel."""
    interactive = hasattr(sys, "ps1") or "ipykernel" in sys.modules
    return signal.default_int_handler if interactive else signal.SIG_DFL
