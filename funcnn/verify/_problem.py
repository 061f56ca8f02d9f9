"""The rule under test and its truth, as functions of flat lists of arrays, compiled once a shape and dtype."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._intercept import intercept
from ._without_rules import without_rules

Arrays = Sequence[Any]


class Side(NamedTuple):
    """One function, the rule's or the reference's, of flat lists.

    Attributes:
      call: ``call(floats, ints) -> outputs``, the floating-point leaves of the result.
      bars: ``bars(floats, ints, cotangents) -> (outputs, cotangents of floats)``, compiled where that is possible.
      value: ``call``, compiled likewise.
    """

    call: Callable[[Arrays, Arrays], list[Any]]
    bars: Callable[[Arrays, Arrays, Arrays], tuple[list[Any], list[Any]]]
    value: Callable[[Arrays, Arrays], list[Any]]


class Problem(NamedTuple):
    """What `check` checks.

    Attributes:
      name: of the function.
      names: of its floating-point arguments, leaf by leaf: ``x``, ``params['w']``.
      floats: the example's floating-point leaves, NumPy arrays.
      ints: the example's integer arrays and keys; every other argument is a part of the function.
      rule, bare: the function with its rules, and the truth: the reference, or the function without its rules.
      rules: the custom rules that the function calls, in the order of their calls.
    """

    name: str
    names: tuple[str, ...]
    floats: tuple[np.ndarray, ...]
    ints: tuple[Any, ...]
    rule: Side
    bare: Side
    rules: tuple[Any, ...]


def make_problem(f: Callable[..., Any], args: tuple[Any, ...], reference: Callable[..., Any] | None) -> Problem:
    """Take the call ``f(*args)`` apart.

    Raises:
      TypeError: f is no function; no argument or no result is floating-point.
      ValueError: f calls no custom rule; or it cannot be run on these arguments (its own error is the cause).
    """
    if not callable(f):
        raise TypeError(f"f must be a function, got {type(f).__name__}")
    leaves, tree = jax.tree_util.tree_flatten_with_path(args)
    names = _names(f, [path for path, _ in leaves])
    leaves = [leaf for _, leaf in leaves]
    float_places = [i for i, leaf in enumerate(leaves) if _is_floating(leaf)]
    int_places = [i for i, leaf in enumerate(leaves) if i not in float_places and _is_array(leaf)]
    if not float_places:
        came = ", ".join(type(leaf).__name__ for leaf in leaves) or "none"
        raise TypeError(f"args must have a floating-point array to differentiate by, got {came}")

    def side(g):
        def call(floats, ints):
            full = list(leaves)
            for places, values in ((float_places, floats), (int_places, ints)):
                for i, value in zip(places, values, strict=True):
                    full[i] = value
            out = jax.tree.leaves(g(*jax.tree.unflatten(tree, full)))
            return [a for a in out if _is_floating(a)]

        return Side(call, _compiled(_bars(call)), _compiled(call))

    rules: list[Any] = []
    rule, bare = side(f), side(without_rules(f) if reference is None else reference)
    floats = tuple(np.asarray(leaves[i]) for i in float_places)
    ints = tuple(leaves[i] for i in int_places)
    try:
        with intercept(lambda rule, args, kwargs: _record(rules, rule, args, kwargs)):
            outputs = jax.eval_shape(lambda *floats: rule.call(floats, ints), *floats)
    except Exception:
        outputs = rule.call(floats, ints)  # a function that looks at values cannot be traced; its own error may escape
    if not outputs:
        raise TypeError("f must return at least one floating-point array")
    name = getattr(f, "__name__", type(f).__name__)
    return Problem(name, tuple(names[i] for i in float_places), floats, ints, rule, bare, tuple(rules))


def _record(rules, rule, args, kwargs):
    rules.append(rule)
    with intercept(None):
        return rule(*args, **kwargs)


def _bars(call):
    def bars(floats, ints, cotangents):
        outputs, vjp = jax.vjp(lambda floats: call(floats, ints), list(floats))
        return outputs, vjp([jnp.asarray(c, y.dtype) for c, y in zip(cotangents, outputs, strict=True)])[0]

    return bars


def _compiled(f):
    """f under jit; and as it is, from the first time on that it cannot be traced."""
    jitted, traceable = jax.jit(f), True

    def run(*args):
        nonlocal traceable
        if traceable:
            try:
                return jitted(*args)
            except (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError):
                traceable = False
        return f(*args)

    return run


def _names(f, paths):
    """Each leaf's name: the parameter of f that it belongs to, and its path inside."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = []
    for path in paths:
        i = path[0].idx
        named = i < len(parameters) and parameters[i].kind not in {inspect.Parameter.VAR_POSITIONAL}
        names.append((parameters[i].name if named else f"args[{i}]") + jax.tree_util.keystr(path[1:]))
    return names


def _is_array(leaf):
    return isinstance(leaf, (jax.Array, np.ndarray, np.generic))


def _is_floating(leaf):
    return _is_array(leaf) and jnp.issubdtype(leaf.dtype, jnp.floating)
