"""While a function is traced, hand every custom rule that it calls to a handler.

The one place that knows how JAX calls a rule. Inside the context, a call of a `jax.custom_vjp` or `jax.custom_jvp` function
calls the handler instead. The handler is also a user context of JAX's, hence a part of the key of every cache that
tracing has (jit, scan, remat). So what was traced outside the context, or under another handler, is traced again. Outside
the context nothing is patched.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax

Rule = jax.custom_vjp | jax.custom_jvp
Handler = Callable[[Rule, tuple[Any, ...], dict[str, Any]], Any]

_handler = jax.make_user_context(None)
_lock = threading.Lock()
_calls: dict[type, Callable[..., Any]] = {kind: kind.__call__ for kind in (jax.custom_vjp, jax.custom_jvp)}
_users = 0


@contextmanager
def intercept(handler: Handler | None) -> Iterator[None]:
    """Inside, ``rule(*args, **kwargs)`` is ``handler(rule, args, kwargs)``; None calls the rule as ever.

    Equal handlers share traces, so a handler that keeps anything between calls must be a new function each time.
    """
    _patch(+1)
    try:
        with _handler(handler):
            yield
    finally:
        _patch(-1)


def current() -> Handler | None:
    """The handler that holds here, None outside of any."""
    return _handler.value


def _patch(change: int) -> None:
    """Patch on the first user's entry, in whichever thread, and restore on the last one's exit."""
    global _users
    with _lock:
        _users += change
        for kind, call in _calls.items():
            type.__setattr__(kind, "__call__", _dispatch if _users else call)


def _dispatch(rule: Rule, *args: Any, **kwargs: Any) -> Any:
    handler = current()
    if handler is None:
        call = next(call for kind, call in _calls.items() if isinstance(rule, kind))
        return call(rule, *args, **kwargs)
    return handler(rule, args, kwargs)
