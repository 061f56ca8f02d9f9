"""S7: the rule under JAX's transformations is the plain loop."""

from collections.abc import Callable
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
from ..judging._judge import Context
from ..judging._point import Point
from ..judging._problem import Side

_STACK = 3


class Test(NamedTuple):
    """One transformation: ``run(side)(*args)`` must give what the plain loop gave.

    ``may_refuse`` is for a transformation that asks more of a rule than its author need have had in mind.
    """

    name: str
    run: Callable[[Side], Callable[..., Any]]
    args: tuple[Any, ...]
    expected: list[np.ndarray]
    may_refuse: bool = False


def transforms(context: Context) -> None:
    """S7: vmap of each subset of arguments on either side of grad, twice, scan, cond, remat, jit, shard_map."""
    tests = _tests(context)
    try:
        with settings():
            fs = [test.run(context.problem.rule) for test in tests]
            together = compiled_quickly(lambda many: [f(*args) for f, args in zip(fs, many, strict=True)])
            results = together([test.args for test in tests])
    except Exception:  # then each by itself, to see which one it is
        results = [_alone(context, test) for test in tests]
    for test, got in zip(tests, results, strict=True):
        if got is not None:
            _judge(context, test, got)
    if context.level > 1:
        jitted = next(test for test in tests if test.name == "jit of grad")
        with settings():
            _judge(context, jitted._replace(name="grad without jit"), jitted.run(context.problem.rule)(*jitted.args))


def _alone(context, test):
    """The result of one test; None, and a finding or a note, if it raises."""
    context.in_time()

    def result(side):
        f = test.run(side)
        try:
            return compiled_quickly(f)(*test.args)
        except (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError):
            if test.name == "jit of grad":
                raise
            return f(*test.args)

    with settings():
        try:
            return result(context.problem.rule)
        except Exception as error:
            raised = one_line(error)
        try:
            result(context.problem.bare)
        except Exception:
            context.skip(
                f"S7 {test.name}", f"the rule raises {raised}, and autodiff of the function cannot do it either"
            )
            return None
    if test.may_refuse:
        context.skip(f"S7 {test.name}", f"the rule raises {raised}")
    else:
        context.add("S7", "fail", f"{test.name} raises {raised}")
    return None


def _judge(context, test, got):
    for argument, a, b in zip(context.problem.names, map(np.asarray, got), test.expected, strict=True):
        if a.shape != b.shape:
            message = f"{test.name} gives shape {list(a.shape)} for {list(b.shape)}, for"
            context.add("S7", "fail", message, argument=argument)
            continue
        finite = np.isfinite(b)
        slack = 1e5 * context.eps * (np.abs(b) + np.abs(b).max(initial=0, where=finite))
        with np.errstate(invalid="ignore"):
            off = finite & ~(np.abs(a - b) <= slack)
        if off.any():
            index = tuple(map(int, np.argwhere(off)[0]))
            context.add("S7", "fail", f"{test.name} is not the loop, in the cotangent of", argument=argument,
                        index=index, got=float(a[index]), expected=float(b[index]))  # fmt: skip


def _tests(context: Context) -> list[Test]:
    problem = context.problem
    floats = [np.asarray(a, context.dtype) for a in problem.floats]
    stacks = [np.stack([spread(context.rng, a) for _ in range(_STACK)]) for a in floats]
    shapes = context.output_shapes(floats, problem.ints)
    cots = [context.rng.normal(size=(_STACK, *shape)).astype(context.dtype) for shape in shapes]
    every, together = _loop(context, [[s[j] for s in stacks] for j in range(_STACK)], cots, range(len(floats)))
    tests = _vmaps(context, floats, stacks, cots, (every, together))
    one = [s[0] for s in stacks], [c[0] for c in cots]
    tests.append(Test("jit of grad", _bars(context), one, [e[0] for e in every]))
    if len(floats) > 1:
        tests.append(Test("grad by one argument alone", _each_alone(context), one, [e[0] for e in every]))
    if context.level:
        tests += _nested(context, stacks, cots, (every, together))
    return tests


def _bars(context):
    ints = list(context.problem.ints)
    return lambda side: lambda floats, cots: side.bars(floats, ints, cots)[1]


def _each_alone(context):
    ints, n = list(context.problem.ints), len(context.problem.floats)

    def run(side):
        def bars(floats, cots):
            def alone(i):
                call = lambda a: side.call([*floats[:i], a, *floats[i + 1 :]], ints)
                return jax.vjp(call, floats[i])[1](cots)[0]

            return [alone(i) for i in range(n)]

        return bars

    return run


def _vmaps(context, floats, stacks, cots, loop) -> list[Test]:
    """vmap of grad and grad of vmap, over all arguments and over subsets of them."""
    everything = tuple(range(len(floats)))
    subsets = [c for k in everything for c in combinations(everything, k + 1)][: 2 if context.level == 0 else 12]
    tests = []
    for mapped in dict.fromkeys((everything, *subsets)):
        args = [stacks[i] if i in mapped else floats[i] for i in everything]
        axes = [0 if i in mapped else None for i in everything]
        each = [[a[j] if i in mapped else a for i, a in enumerate(args)] for j in range(_STACK)]
        stacked, summed = loop if mapped == everything else _loop(context, each, cots, mapped)
        name = "vmap" if mapped == everything else f"vmap over {[context.problem.names[i] for i in mapped]}"
        of_grad = lambda side, axes=axes: jax.vmap(_bars(context)(side), (axes, 0))
        tests.append(Test(f"{name} of grad", of_grad, (args, cots), stacked))
        if mapped == everything or len(cots) == 1:  # JAX counts an output that is not mapped once an example
            vmap = lambda call, axes=axes: jax.vmap(call, (axes,))
            tests.append(Test(f"grad of {name}", _grad_of(context, vmap), (args, cots), summed))
    return tests


def _grad_of(context, transform):
    """grad of a transformed call."""
    ints = list(context.problem.ints)
    return lambda side: lambda floats, cots: jax.vjp(transform(lambda f: side.call(f, ints)), floats)[1](cots)[0]


def _nested(context, stacks, cots, loop) -> list[Test]:
    every, together = loop
    one = [s[0] for s in stacks], [c[0] for c in cots]
    first = [e[0] for e in every]

    def cond(call):
        zeros = lambda floats: [0 * y for y in call(floats)]
        return lambda floats: lax.cond(jnp.sum(floats[0]) < jnp.inf, call, zeros, floats)

    scan = lambda call: lambda stacks: lax.scan(lambda c, f: (c, call(f)), 0, stacks)[1]
    twice = lambda side: lambda s, c: [b[0] for b in jax.vmap(jax.vmap(_bars(context)(side)))(s, c)]
    doubled = [s[None] for s in stacks], [c[None] for c in cots]
    n = 1 if context.callbacks else min(2, jax.device_count())  # JAX mixes devices up beside a callback
    parts = [s[:n] for s in stacks], [c[:n] for c in cots]
    return [
        Test("vmap twice", twice, doubled, every),
        Test("grad of scan", _grad_of(context, scan), (stacks, cots), together),
        Test("grad of cond", _grad_of(context, cond), one, first),
        Test("grad of remat", _grad_of(context, jax.checkpoint), one, first),
        Test("grad of jit", _grad_of(context, jax.jit), one, first),
        Test("grad of shard_map", _grad_of(context, _sharded(n)), parts, [e[:n] for e in every], may_refuse=True),
    ]


def _sharded(n):
    """A call with an example of the batch on each of n devices, the axes of every value tracked."""
    mesh = jax.make_mesh((n,), ("devices",), axis_types=(AxisType.Auto,))
    spec = P("devices")

    def sharded(call):
        block = lambda stacks: [y[None] for y in call([s[0] for s in stacks])]
        return jax.shard_map(block, mesh=mesh, in_specs=(spec,), out_specs=spec)

    return sharded


def spread(rng, a):
    """A neighbour of the example: its numbers scaled, so that signs and structure stay; zeros become small numbers."""
    noise = rng.normal(size=a.shape)
    return (a * (1 + 0.2 * noise) + np.where(a == 0, 0.1 * noise, 0)).astype(a.dtype)


def _loop(context, each, cots, mapped):
    """The cotangents one by one, stacked; and the same with those of shared arguments summed, as grad of vmap has them."""
    problem = context.problem
    points = [Point("", tuple(f), problem.ints, tuple(c[j] for c in cots)) for j, f in enumerate(each)]
    rows = [context.run(problem.rule, point)[1] for point in points]
    stacked = [np.stack([r[i] for r in rows]) for i in range(len(rows[0]))]
    return stacked, [s if i in mapped else s.sum(0) for i, s in enumerate(stacked)]
