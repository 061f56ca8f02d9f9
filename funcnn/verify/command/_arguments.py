"""Arguments to check a rule on: those that its module declares, else those of its docstring's example, else a guess."""

import doctest
import inspect
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from ..._intercept import Rule, intercept
from .._errors import one_line
from ._guessed_arguments import Call, NoExampleError, guess, is_floating, shown
from ._targets import TargetError, rule_in


class Examples(NamedTuple):
    """Example calls of a function.

    Attributes:
      calls: the arguments of each.
      origin: where they come from, in a few words.
    """

    calls: tuple[Call, ...]
    origin: str


def examples_of(module: ModuleType, name: str, f: Callable[..., Any]) -> Examples:
    """The calls to check a function on.

    Args:
      module: where it is defined.
      name: its name there.
      f: the function itself.

    Raises:
      NoExampleError: nothing is declared or documented, and no guess fits.
      TargetError: what is declared is not a tuple of arguments.
    """
    examples = _declared(module, name) or _documented(module, name, f) or _guessed(module, f)
    return Examples(tuple(_with_arrays(f, call) for call in examples.calls), examples.origin)


def _declared(module: ModuleType, name: str) -> Examples | None:
    table = getattr(module, "check_vjp_examples", {})
    if name not in table:
        return None
    what = f"check_vjp_examples[{name!r}]"
    value = table[name]
    try:
        value = value() if callable(value) else value
    except Exception as error:
        raise TargetError(f"{what} of {module.__name__} raises {one_line(error)}") from error
    calls: list[Any] = value if isinstance(value, list) else [value]
    if not calls or not all(isinstance(call, tuple) for call in calls):
        kinds = ", ".join(sorted({type(call).__name__ for call in calls})) or "an empty list"
        raise TargetError(f"{what} of {module.__name__} must be a tuple of arguments or a list of them, got {kinds}")
    return Examples(tuple(calls), "check_vjp_examples")


def _documented(module: ModuleType, name: str, f: Callable[..., Any]) -> Examples | None:
    """The first call in the examples of the function's docstring, of the module's, or of a function that calls it."""
    for where, text in _docstrings(module, name, f):
        call = _first_call(module, name, f, text)
        if call is not None:
            drawn = any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(call))
            return Examples((_concrete(call),), f"the docstring of {where}{', with values drawn' if drawn else ''}")
    return None


def _docstrings(module: ModuleType, name: str, f: Callable[..., Any]) -> Iterator[tuple[str, str]]:
    last = name.rpartition(".")[2]
    callers = {other: g for other, g in vars(module).items() if inspect.isfunction(g) and last in g.__code__.co_names}
    for where, holder in {name: f, module.__name__: module, **callers}.items():
        text = getattr(holder, "__doc__", None)
        if isinstance(text, str) and ">>>" in text:
            yield where, text


def _first_call(module: ModuleType, name: str, f: Callable[..., Any], text: str) -> Call | None:
    """Run the examples of a docstring, silently, up to the first call of f."""
    wanted = rule_in(f)
    calls: list[Call] = []

    def keep(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        calls.append(_in_order(f, args, kwargs))

    def handler(rule: Rule, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if rule is wanted:
            keep(args, kwargs)
        return rule.__wrapped__(*args, **kwargs)

    def spy(*args: Any, **kwargs: Any) -> Any:
        keep(args, kwargs)
        return f(*args, **kwargs)

    names = {"jax": jax, "jnp": jnp, "np": np, **vars(module)} | ({name: spy} if wanted is None else {})
    test = doctest.DocTestParser().get_doctest(text, names, name, None, None)
    runner = doctest.DocTestRunner(verbose=False)
    with intercept(handler):
        for example in test.examples:
            test.examples = [example]
            runner.run(test, out=lambda _: None, clear_globs=False)
            if calls:
                return calls[0]
    return None


def _in_order(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    """A call's arguments by their places: those that it passes by on the way to its last one are the defaults."""
    bound = inspect.signature(f).bind(*args, **kwargs)
    given = {*bound.arguments}
    bound.apply_defaults()
    while bound.arguments and [*bound.arguments][-1] not in given:
        bound.arguments.popitem()
    return bound.args


def _guessed(module: ModuleType, f: Callable[..., Any]) -> Examples:
    try:
        call = guess(f, getattr(rule_in(f), "nondiff_argnums", ()))
    except NoExampleError as error:
        raise NoExampleError(
            f"no example arguments, and {error}: define check_vjp_examples in {module.__name__}"
        ) from error
    return Examples((call,), f"guessed: {shown(call)}")


def _concrete(call: Call) -> Call:
    """The call with an array in place of every tracer: normal draws, and zeros for integers."""
    rng = np.random.default_rng(0)

    def value(leaf: Any) -> Any:
        if not isinstance(leaf, Tracer):
            return leaf
        if jnp.issubdtype(leaf.dtype, jnp.floating):
            return jnp.asarray(rng.normal(size=leaf.shape), leaf.dtype)
        is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        return jax.random.key(0) if is_key else jnp.zeros(leaf.shape, leaf.dtype)

    return jax.tree.map(value, call)


def _with_arrays(f: Callable[..., Any], call: Call) -> Call:
    """A call without any floating-point array gets them in place of its floats, where these are differentiated by."""
    if any(is_floating(leaf) for leaf in jax.tree.leaves(call)):
        return call
    static = getattr(rule_in(f), "nondiff_argnums", ())
    array = lambda leaf: jnp.asarray(leaf, jnp.float32) if isinstance(leaf, float) else leaf
    return tuple(a if i in static else jax.tree.map(array, a) for i, a in enumerate(call))
