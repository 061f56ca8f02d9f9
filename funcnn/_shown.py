"""What `print` and `help` show of a layer and of a rule: the call."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import partial, wraps
from textwrap import indent
from typing import Any, ParamSpec

import jax

from ._core import Layer

P = ParamSpec("P")
_WIDTH = 88


def shown(constructor: Callable[P, Layer]) -> Callable[P, Layer]:
    """The constructor of a layer, whose layers print as the call that made them.

    Example:
      >>> import funcnn as fn
      >>> fn.serial(body=fn.residual(fn.linear(8)), head=fn.linear(2, bias=False))
      serial(body=residual(linear(8)), head=linear(2, bias=False))
    """

    @wraps(constructor)
    def made(*args: P.args, **kwargs: P.kwargs) -> Layer:
        return constructor(*args, **kwargs)._replace(call=_call(constructor.__name__, args, kwargs))

    return made


def explain(rules: Iterable[jax.custom_vjp[Any]]) -> None:
    """Put the call in front of each rule's docstring, and say in a call that lacks an argument how a model takes the rule.

    Neither `help` nor the error of JAX shows what the rule, an object, is called with.
    """
    for rule in rules:
        signature = inspect.signature(rule)
        parameters = signature.parameters.values()
        names = [p.name if p.default is p.empty else f"{p.name}={_text(p.default)}" for p in parameters]
        rule.__doc__ = f"{rule.__name__}({', '.join(names)})\n\n{inspect.getdoc(rule)}"
        vars(rule.__wrapped__)["__signature__"] = _Signature(rule.__name__, signature)


class _Signature(inspect.Signature):
    """A rule's signature. JAX binds the arguments of each call to it."""

    def __init__(self, name: str, signature: inspect.Signature):
        super().__init__(list(signature.parameters.values()), return_annotation=signature.return_annotation)
        self.name = name

    def bind(self, *args: Any, **kwargs: Any) -> inspect.BoundArguments:
        try:
            return super().bind(*args, **kwargs)
        except TypeError as error:
            options = ", ".join(f"{key}={_text(value)}" for key, value in kwargs.items()) or "option=..."
            usage = f"in a model stands {self.name} itself, or partial({self.name}, {options})"
            raise TypeError(f"{error}: {usage}") from None


def _call(name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> str:
    """The call in one line, or with an argument a line where that is too long."""
    arguments = [*map(_text, args), *(f"{key}={_text(value)}" for key, value in kwargs.items())]
    line = f"{name}({', '.join(arguments)})"
    if len(line) <= _WIDTH and "\n" not in line:
        return line
    return "\n".join([f"{name}(", *(indent(argument, "  ") + "," for argument in arguments), ")"])


def _text(value: Any) -> str:
    if isinstance(value, partial):
        return _call("partial", (value.func, *value.args), value.keywords)
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return f"{value.dtype}{list(value.shape)}"
    if callable(value) and not isinstance(value, Layer):
        return getattr(value, "__qualname__", type(value).__name__).replace(".<locals>", "")
    return repr(value)
