"""S7: the rule under JAX's transformations is the plain loop."""

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P

from .._errors import one_line
from .._settings import compiled_quickly, settings
from ..judging._judge import beyond, first_index
from ..judging._point import Arrays, Point
from ..judging._problem import Side
from ..judging._tolerance import transformed_slack
from ..judging._trial import Trial
from ..report._report import Finding
from ._one_device import told_of_shards

_STACK = 3


class Test(NamedTuple):
    """A transformation of a side, and what the plain loop gave.

    Attributes:
      name: what it is.
      run: ``run(side)(*args)`` are the cotangents under it.
      args: see there.
      expected: the loop's cotangents.
      may_refuse: whether it asks more of a rule than its author need have had in mind.
      is_jit: whether it is the rule as it is, compiled.
      over_shards: whether it runs on several devices, where there are some.
    """

    name: str
    run: Callable[[Side], Callable[..., Any]]
    args: tuple[Any, ...]
    expected: list[np.ndarray]
    may_refuse: bool = False
    is_jit: bool = False
    over_shards: bool = False


class Stacks(NamedTuple):
    """Neighbours of the example, with cotangents, and what the rule gives for them one by one.

    Attributes:
      floats: the example's arguments.
      stacks: neighbours of each.
      cots: a cotangent for each neighbour.
      every: the cotangents of the arguments, stacked.
    """

    floats: list[np.ndarray]
    stacks: list[np.ndarray]
    cots: list[np.ndarray]
    every: list[np.ndarray]

    def first(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """The first neighbours and their cotangents."""
        return [s[0] for s in self.stacks], [c[0] for c in self.cots]


def transforms(trial: Trial) -> bool:
    """S7: vmap over subsets of the arguments on either side of grad, and jit.

    From level "full" on also vmap of vmap, scan, cond, remat and shard_map; at "deep" the rule without jit.
    """
    rule, tests = trial.problem.rule, _tests(trial)
    try:
        with settings(trial.sides.dtype):
            fs = [test.run(rule) for test in tests]
            together = compiled_quickly(lambda many: [f(*args) for f, args in zip(fs, many, strict=True)])
            results = together([test.args for test in tests])
    except Exception:  # then each by itself, to see which one it is
        results = [_alone(trial, test) for test in tests]
    for test, got in zip(tests, results, strict=True):
        if got is not None:
            _judge(trial, test.name, got, test.expected)
        if test.over_shards:
            told_of_shards(trial, test.run, test.args)
    for test in tests if trial.level > 1 else ():
        if test.is_jit:
            with settings(trial.sides.dtype):
                _judge(trial, "grad without jit", test.run(rule)(*test.args), test.expected)
    return True


def _alone(trial: Trial, test: Test) -> list[Any] | None:
    """The result of one test; None, and a finding or a note, if it raises."""
    trial.ledger.in_time()
    with settings(trial.sides.dtype):
        try:
            return _compiled_or_not(test, trial.problem.rule)
        except Exception as error:
            raised = one_line(error)
        try:
            _compiled_or_not(test, trial.problem.bare)
        except Exception:
            why = f"the rule raises {raised}, and autodiff of the function cannot do it either"
            trial.ledger.skip(f"S7 {test.name}", why)
            return None
    if test.may_refuse:
        trial.ledger.skip(f"S7 {test.name}", f"the rule raises {raised}")
    else:
        trial.ledger.add(Finding("S7", "fail", f"{test.name} raises {raised}"))
    return None


def _compiled_or_not(test: Test, side: Side) -> list[Any]:
    """A side's result, op by op where it cannot be traced, unless just that is asked for."""
    f = test.run(side)
    try:
        return compiled_quickly(f)(*test.args)
    except (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError):
        if test.is_jit:
            raise
        return f(*test.args)


def _judge(trial: Trial, name: str, got: list[Any], expected: list[np.ndarray]) -> None:
    trial.ledger.count("S7", any(np.isfinite(b).any() for b in expected))
    for argument, a, b in zip(trial.problem.names, map(np.asarray, got), expected, strict=True):
        if a.shape != b.shape:
            message = f"{name} gives shape {list(a.shape)} for {list(b.shape)}, for"
            trial.ledger.add(Finding("S7", "fail", message, argument))
            continue
        wrong = beyond(a, b, transformed_slack(b, trial.sides.eps))
        if wrong.any():
            index = first_index(wrong)
            meant = (
                trial.surrogate and "vmap" in name
            )  # it may look at the whole batch, and at nothing else of the kind
            status = "note" if meant else "fail"
            trial.ledger.add(Finding("S7", status, f"{name} is not the loop, in the cotangent of", argument, index,
                                     got=float(a[index]), expected=float(b[index])))  # fmt: skip


def _tests(trial: Trial) -> list[Test]:
    problem, dtype = trial.problem, trial.sides.dtype
    floats = [np.asarray(a, dtype) for a in problem.floats]
    inside = [neighbour(trial, floats) for _ in range(_STACK)]
    stacks = [np.stack(arrays).astype(dtype) for arrays in zip(*inside, strict=True)]
    shapes = trial.sides.output_shapes(floats, problem.ints)
    cots = [trial.rng.normal(size=(_STACK, *shape)).astype(dtype) for shape in shapes]
    every, together = _loop(trial, [[s[j] for s in stacks] for j in range(_STACK)], cots, range(len(floats)))
    given = Stacks(floats, stacks, cots, every)
    tests = _vmaps(trial, given, together)
    first = [e[0] for e in every]
    tests.append(Test("jit of grad", _bars(trial), given.first(), first, is_jit=True))
    if len(floats) > 1:
        tests.append(Test("grad by one argument alone", _each_alone(trial), given.first(), first))
    if trial.level:
        tests += _nested(trial, given, together)
    elif any(getattr(rule, "remat_rules", None) for rule in problem.rules):
        tests.append(_remat(trial, given))
    return tests


def _remat(trial: Trial, given: Stacks) -> Test:
    return Test("grad of remat", _grad_of(trial, jax.checkpoint), given.first(), [e[0] for e in given.every])


def _bars(trial: Trial) -> Callable[[Side], Callable[..., Any]]:
    ints = list(trial.problem.ints)
    return lambda side: lambda floats, cots: side.bars(floats, ints, cots)[1]


def _each_alone(trial: Trial) -> Callable[[Side], Callable[..., Any]]:
    """The cotangent of each argument, the others held constant."""
    ints, n = list(trial.problem.ints), len(trial.problem.floats)

    def run(side):
        def bars(floats, cots):
            def alone(i):
                call = lambda a: side.call([*floats[:i], a, *floats[i + 1 :]], ints)
                return jax.vjp(call, floats[i])[1](cots)[0]

            return [alone(i) for i in range(n)]

        return bars

    return run


def _vmaps(trial: Trial, given: Stacks, together: list[np.ndarray]) -> list[Test]:
    """vmap of grad and grad of vmap, over all arguments and over subsets of them."""
    floats, stacks, cots, every = given
    everything = tuple(range(len(floats)))
    subsets = [c for k in everything for c in combinations(everything, k + 1)][: 2 if trial.level == 0 else 12]
    tests = []
    for mapped in dict.fromkeys((everything, *subsets)):
        args = [stacks[i] if i in mapped else floats[i] for i in everything]
        axes = [0 if i in mapped else None for i in everything]
        each = [[a[j] if i in mapped else a for i, a in enumerate(args)] for j in range(_STACK)]
        stacked, summed = (every, together) if mapped == everything else _loop(trial, each, cots, mapped)
        name = "vmap" if mapped == everything else f"vmap over {[trial.problem.names[i] for i in mapped]}"
        of_grad = lambda side, axes=axes: jax.vmap(_bars(trial)(side), (axes, 0))
        tests.append(Test(f"{name} of grad", of_grad, (args, cots), stacked))
        if mapped == everything or len(cots) == 1:  # JAX counts an output that is not mapped once an example
            vmap = lambda call, axes=axes: jax.vmap(call, (axes,))
            tests.append(Test(f"grad of {name}", _grad_of(trial, vmap), (args, cots), summed))
    return tests


def _grad_of(trial: Trial, transform: Callable[..., Any]) -> Callable[[Side], Callable[..., Any]]:
    """grad of a transformed call."""
    ints = list(trial.problem.ints)
    return lambda side: lambda floats, cots: jax.vjp(transform(lambda f: side.call(f, ints)), floats)[1](cots)[0]


def _nested(trial: Trial, given: Stacks, together: list[np.ndarray]) -> list[Test]:
    """vmap in vmap, and grad of a loop, a branch, a recomputed, a compiled and a sharded call."""
    _, stacks, cots, every = given
    one, first = given.first(), [e[0] for e in every]

    def cond(call):
        zeros = lambda floats: [0 * y for y in call(floats)]
        return lambda floats: lax.cond(jnp.sum(floats[0]) < jnp.inf, call, zeros, floats)

    scan = lambda call: lambda stacks: lax.scan(lambda c, f: (c, call(f)), 0, stacks)[1]
    twice = lambda side: lambda s, c: [b[0] for b in jax.vmap(jax.vmap(_bars(trial)(side)))(s, c)]
    doubled = [s[None] for s in stacks], [c[None] for c in cots]
    n = 1 if trial.sides.traits.callbacks else min(2, jax.device_count())  # JAX mixes devices up beside a callback
    parts = [s[:n] for s in stacks], [c[:n] for c in cots]
    return [
        Test("vmap twice", twice, doubled, every),
        Test("grad of scan", _grad_of(trial, scan), (stacks, cots), together),
        Test("grad of cond", _grad_of(trial, cond), one, first),
        _remat(trial, given),
        Test("grad of jit", _grad_of(trial, jax.jit), one, first),
        Test("grad of shard_map", _grad_of(trial, _sharded(n)), parts, [e[:n] for e in every], True, over_shards=True),
    ]


def _sharded(n: int) -> Callable[..., Any]:
    """A call with an example of the batch on each of n devices, the axes of every value tracked."""
    mesh = jax.make_mesh((n,), ("devices",), axis_types=(AxisType.Auto,))
    spec = P("devices")

    def sharded(call):
        block = lambda stacks: [y[None] for y in call([s[0] for s in stacks])]
        return jax.shard_map(block, mesh=mesh, in_specs=(spec,), out_specs=spec)

    return sharded


def neighbour(trial: Trial, floats: Arrays) -> Arrays:
    """A neighbour of the example inside the function's domain; the example itself where the function raises there."""
    near, ints = tuple(_spread(trial.rng, a) for a in floats), trial.problem.ints
    try:
        (point,) = trial.sides.points("", near, ints)
        trial.sides.outputs(point.floats, ints)
    except Exception:
        return floats
    return point.floats


def _spread(rng: np.random.Generator, a: np.ndarray) -> np.ndarray:
    """A neighbour of the example: its numbers scaled, so that signs and structure stay; zeros become small numbers."""
    noise = rng.normal(size=a.shape)
    return (a * (1 + 0.2 * noise) + np.where(a == 0, 0.1 * noise, 0)).astype(a.dtype)


def _loop(
    trial: Trial, each: Sequence[Arrays], cots: list[np.ndarray], mapped: Sequence[int]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The cotangents one by one, stacked; and the same with those of shared arguments summed, as grad of vmap has them."""
    problem = trial.problem
    points = [Point("", tuple(f), problem.ints, tuple(c[j] for c in cots)) for j, f in enumerate(each)]
    rows = [trial.sides.run_freely(problem.rule, point).bars for point in points]
    stacked = [np.stack([r[i] for r in rows]) for i in range(len(rows[0]))]
    return stacked, [s if i in mapped else s.sum(0) for i, s in enumerate(stacked)]
