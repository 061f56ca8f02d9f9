"""Call a function that may never end."""

import ctypes
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import TypeVar

import jax

R = TypeVar("R")


class OutOfTimeError(BaseException):
    """The budget is spent. It is not an Exception, so that nothing on the way takes it for a rule's own error."""


def within(seconds: float, f: Callable[[], R]) -> R:
    """f(), or OutOfTimeError after so many seconds, even where f loops for ever.

    f runs in a thread of its own, since nothing else ends a compiled loop that has no end: the thread is left behind.
    """
    results: list[R] = []
    errors: list[BaseException] = []
    settings = {
        name: getattr(jax.config, f"jax_{name}")
        for name in ("enable_x64", "default_device", "default_matmul_precision")
    }

    def run():
        try:
            with ExitStack() as stack:  # what holds for the caller's thread alone holds here as well
                for name, value in settings.items():
                    stack.enter_context(getattr(jax, name)(value))
                results.append(f())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True, name="funcnn.verify")
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(OutOfTimeError))
        thread.join(1.0)  # a loop of Python's ends here
        raise OutOfTimeError
    if errors:
        raise errors[0]
    return results[0]
