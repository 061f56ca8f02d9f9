"""The rule under test and its truth, as functions of flat lists of arrays, compiled once a shape and dtype."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from ..._intercept import intercept, sparing_jaxs
from .._settings import apart, compiled_quickly, settings
from .._without_rules import without_rules
from ..programs._facts import Facts, facts
from ._arguments import Arrays, Call, described, taken_apart
from ._domain import Domains
from ._domains import domains_of

UNTRACEABLE = jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError
Bars = Callable[[Arrays, Arrays, Arrays], tuple[list[Any], list[Any]]]


class Side(NamedTuple):
    """One function, the rule's or the reference's, of flat lists.

    Attributes:
      call: ``call(floats, ints) -> outputs``, the floating-point leaves of the result.
      bars: ``bars(floats, ints, cotangents) -> (outputs, cotangents of floats)``, as it is.
      fast_bars, fast_call: the same, compiled where that is possible.
    """

    call: Call
    bars: Bars
    fast_bars: Bars
    fast_call: Call


class Problem(NamedTuple):
    """What `check` checks.

    Attributes:
      name: of the function.
      names: of its floating-point arguments, leaf by leaf: ``x``, ``params['w']``; ``z.real`` and ``z.imag`` of a
        complex one.
      floats: the example's floating-point leaves, NumPy arrays.
      ints: the example's integer arrays and keys; every other argument is a part of the function.
      rule, bare: the function with its rules, and the truth: the reference, or the function without its rules.
      both: both sides' ``bars`` in one compiled program.
      referenced: whether the truth is another function, handed in.
      mode: how the truth is differentiated: "reverse", "forward", or "" where autodiff cannot.
      rules: the custom rules under test that the function calls, in the order of their calls.
      halves: whether it has half precision, as no complex number has.
      f, args: the call itself.
      again: ``again(args)``, the problem of another call.
      domains: where each argument lies.
      shown: the same, as far as the example shows it.
    """

    name: str
    names: tuple[str, ...]
    floats: tuple[np.ndarray, ...]
    ints: tuple[Any, ...]
    rule: Side
    bare: Side
    both: Callable[[Arrays, Arrays, Arrays], tuple[Any, Any]]
    referenced: bool
    mode: str
    rules: tuple[Any, ...]
    halves: bool
    f: Callable[..., Any]
    args: tuple[Any, ...]
    again: Callable[[tuple[Any, ...]], "Problem"]
    domains: Domains
    shown: Domains

    def facts(self, side: Side) -> tuple[Facts, str]:
        """What the program of a side's backward pass says of itself, in the widest dtype that it takes, and that dtype."""
        for dtype in ("float64", "float32"):
            floats = [jax.ShapeDtypeStruct(a.shape, dtype) for a in self.floats]
            try:
                with settings(dtype):
                    cots = [
                        jax.ShapeDtypeStruct(y.shape, y.dtype)
                        for y in jax.eval_shape(apart(side.call), floats, self.ints)
                    ]
                    return facts([jax.make_jaxpr(apart(side.bars))(floats, list(self.ints), cots)]), dtype
            except UNTRACEABLE:  # what cannot be traced says nothing
                break
            except Exception:
                continue
        return facts([]), "float64"


def make_problem(
    f: Callable[..., Any],
    args: tuple[Any, ...],
    reference: Callable[..., Any] | None,
    everything: bool = False,
    domain: Mapping[str, Any] | None = None,
) -> Problem:
    """Take the call ``f(*args)`` apart; the rules that JAX ships are a part of the truth, unless everything is checked.

    What ``domain`` says of arguments that the call has not is left to `check_names`.

    Raises:
      TypeError: f is not a function; no argument or no result is floating-point or complex.
      ValueError: f cannot be run on these arguments (its own error is the cause).
    """
    if not callable(f):
        raise TypeError(f"f must be a function, got {type(f).__name__}")
    if reference is not None and not callable(reference):
        raise TypeError(f"reference must be a function, got {type(reference).__name__}")
    arguments = taken_apart(f, args)
    truth = without_rules(f, everything=everything) if reference is None else reference
    rule, bare = arguments.calling(f), arguments.calling(truth)
    names, floats = zip(*arguments.floats().items(), strict=True)
    ints = arguments.ints()
    rules, outputs = _rules_called(arguments.calling(f, split=False), floats, ints, arguments.leaves, everything)
    mode = _mode(bare, floats, ints)
    rule_bars, bare_bars = _reverse(rule), _forward(bare) if mode == "forward" else _reverse(bare)
    fast_call = compiled(bare)
    domains, shown = domains_of(names, floats, domain or {}, _values(fast_call, ints), _decomposes(bare, floats, ints))
    return Problem(
        name=getattr(f, "__name__", type(f).__name__),
        names=names,
        floats=floats,
        ints=ints,
        rule=Side(rule, rule_bars, compiled(rule_bars), compiled(rule)),
        bare=Side(bare, bare_bars, compiled(bare_bars), fast_call),
        both=compiled_quickly(lambda *args: (rule_bars(*args), bare_bars(*args))),
        referenced=reference is not None,
        mode=mode,
        rules=rules,
        halves=not any(map(jnp.iscomplexobj, (*outputs, *(arguments.leaves[i] for i in arguments.given)))),
        f=f,
        args=args,
        again=lambda args: make_problem(f, args, reference, everything, domain),
        domains=domains,
        shown=shown,
    )


def _values(call: Call, ints: Arrays) -> Callable[[Arrays], list[np.ndarray]]:
    """The truth's values in float64, as a function of the floating-point arguments."""

    def values(floats: Arrays) -> list[np.ndarray]:
        with settings():
            return [np.asarray(y) for y in call(list(floats), list(ints))]

    return values


def _decomposes(call: Call, floats: Arrays, ints: Arrays) -> Callable[[], bool]:
    """Whether the truth decomposes matrices, where that is asked."""

    def decomposes() -> bool:
        specs = [jax.ShapeDtypeStruct(a.shape, jnp.float64) for a in floats]
        with settings():
            return facts([jax.make_jaxpr(call)(specs, list(ints))]).decomposes

    return decomposes


def _rules_called(
    call: Call, floats: Arrays, ints: Arrays, leaves: Sequence[Any], everything: bool
) -> tuple[tuple[Any, ...], list[Any]]:
    """The custom rules that a call meets, in order, and what it returns; and whether it can be called at all."""
    rules: list[Any] = []

    def record(rule: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        rules.append(rule)
        with intercept(None):
            return rule(*args, **kwargs)

    try:
        with intercept(record if everything else sparing_jaxs(record)):
            outputs = _shapes_of(call, floats, ints)
    except Exception as error:
        came = ", ".join(map(described, leaves))
        raised = f"{type(error).__name__}: {error}"
        raise ValueError(f"args must be arguments that f takes, got {came}: f raises {raised}") from error
    if not outputs:
        raise TypeError("f must return at least one floating-point or complex array")
    return tuple(rules), outputs


def _shapes_of(call: Call, floats: Arrays, ints: Arrays) -> list[Any]:
    try:
        return jax.eval_shape(lambda *floats: call(floats, ints), *floats)
    except Exception:
        return call([jnp.asarray(a) for a in floats], ints)  # it looks at values, and its own error may escape


def _mode(call: Call, floats: Arrays, ints: Arrays) -> str:
    """The first way of differentiating that the truth allows."""
    with settings(tuple(str(a.dtype) for a in floats)):
        floats = [jnp.asarray(a) for a in floats]
        for mode, bars in (("reverse", _reverse(call)), ("forward", _forward(call))):
            try:
                cots = [np.ones(y.shape) for y in _shapes_of(call, floats, ints)]
                try:
                    jax.eval_shape(apart(bars), floats, list(ints), cots)
                except jax.errors.ConcretizationTypeError:
                    bars(floats, list(ints), cots)
                return mode
            except Exception:
                continue
    return ""


def _reverse(call: Call) -> Bars:
    """The cotangents by reverse mode."""

    def bars(floats, ints, cotangents):
        outputs, vjp = jax.vjp(lambda floats: call(floats, ints), list(floats))
        return outputs, vjp([jnp.asarray(c, y.dtype) for c, y in zip(cotangents, outputs, strict=True)])[0]

    return bars


def _forward(call: Call) -> Bars:
    """The same by forward mode, a tangent for each number of the arguments: for loops that have no reverse mode."""

    def bars(floats, ints, cotangents):
        flat, unravel = ravel_pytree(list(floats))

        def along(direction):
            outputs, tangents = jax.jvp(lambda x: call(unravel(x), ints), (flat,), (direction,))
            slopes = [jnp.sum(jnp.asarray(g, t.dtype) * t) for g, t in zip(cotangents, tangents, strict=True)]
            return outputs, sum(slopes, jnp.zeros((), flat.dtype))

        outputs, slopes = jax.vmap(along, out_axes=(None, 0))(jnp.eye(flat.size, dtype=flat.dtype))
        return outputs, unravel(slopes)

    return bars


def compiled(f: Callable[..., Any]) -> Callable[..., Any]:
    """f under jit; and as it is, from the first time on that it cannot be traced."""
    jitted, traceable = compiled_quickly(f), True

    def run(*args):
        nonlocal traceable
        if traceable:
            try:
                return jitted(*args)
            except UNTRACEABLE:
                traceable = False
        return f(*jax.tree.map(lambda a: jnp.asarray(a) if isinstance(a, np.ndarray) else a, args))

    return run
