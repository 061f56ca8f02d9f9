"""S7 and S8: the rule under JAX's transformations is the plain loop, and its derivative is the truth's."""

from itertools import combinations

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ._context import Context, Point, place, settings
from ._truth import Scalar, decide


def transforms(context: Context) -> None:
    """S7: vmap of each subset of arguments on either side of grad, twice, scan, cond, remat, jit: all the loop."""
    problem, n = context.problem, 3
    floats = [np.asarray(a, context.dtype) for a in problem.floats]
    stacks = [np.stack([_spread(context.rng, a) for _ in range(n)]) for a in floats]
    ints = list(problem.ints)
    outputs = context.outputs(floats, ints)
    cots = [context.rng.normal(size=(n, *y.shape)).astype(context.dtype) for y in outputs]
    call = problem.rule.call

    def taken(floats):
        return call(floats, ints)

    def bars(floats, cots):
        return jax.vjp(taken, floats)[1](cots)[0]

    everything = range(len(floats))
    subsets = [c for k in range(1, len(floats) + 1) for c in combinations(everything, k)][
        : 2 if context.level == 0 else 12
    ]
    for mapped in {tuple(everything), *subsets}:
        args = [stacks[i] if i in mapped else floats[i] for i in everything]
        axes = [0 if i in mapped else None for i in everything]
        each = [[a[j] if i in mapped else a for i, a in enumerate(args)] for j in range(n)]
        loop = _loop(context, bars, each, cots, mapped)
        name = "vmap" if len(mapped) == len(floats) else f"vmap over {[problem.names[i] for i in mapped]}"
        _same(context, f"{name} of grad", lambda axes=axes, args=args: jax.vmap(bars, (axes, 0))(args, cots), loop[0])
        batched = lambda floats, axes=axes: jax.vmap(lambda f: call(f, ints), (axes,))(floats)
        if len(mapped) == len(floats) or len(outputs) == 1:  # JAX counts an output that is not mapped once an example
            _same(context, f"grad of {name}", lambda b=batched, args=args: jax.vjp(b, args)[1](cots)[0], loop[1])
    every, together = _loop(context, bars, [[s[j] for s in stacks] for j in range(n)], cots, everything)
    one = [s[0] for s in stacks], [c[0] for c in cots]
    first = [e[0] for e in every]
    if context.level:
        twice = jax.vmap(jax.vmap(bars))
        doubled = [[s[None] for s in stacks], [c[None] for c in cots]]
        _same(context, "vmap twice", lambda: [b[0] for b in twice(*doubled)], every)
        scanned = lambda stacks: lax.scan(lambda c, f: (c, call(f, ints)), 0, stacks)[1]
        _same(context, "grad of scan", lambda: jax.vjp(scanned, stacks)[1](cots)[0], together)

        def branch(floats):
            return lax.cond(jnp.sum(floats[0]) < jnp.inf, taken, lambda floats: [0 * y for y in taken(floats)], floats)

        _same(context, "grad of cond", lambda: jax.vjp(branch, one[0])[1](one[1])[0], first)
        remat = jax.checkpoint(taken)
        _same(context, "grad of remat", lambda: jax.vjp(remat, one[0])[1](one[1])[0], first)
        jitted = jax.jit(taken)
        _same(context, "grad of jit", lambda: jax.vjp(jitted, one[0])[1](one[1])[0], first)
    _same(context, "jit of grad", lambda: jax.jit(bars)(*one), first)
    if len(floats) > 1:
        alone = lambda i: jax.vjp(lambda a: call([*one[0][:i], a, *one[0][i + 1 :]], ints), one[0][i])[1](one[1])[0]
        _same(context, "grad by one argument alone", lambda: [alone(i) for i in everything], first)


def _spread(rng, a):
    """A neighbour of the example: its numbers scaled, so that signs and structure stay; zeros become small numbers."""
    noise = rng.normal(size=a.shape)
    return (a * (1 + 0.2 * noise) + np.where(a == 0, 0.1 * noise, 0)).astype(a.dtype)


def _loop(context, bars, each, cots, mapped):
    """The cotangents one by one, stacked; and the same with those of shared arguments summed, as grad of vmap has them."""
    with settings():
        rows = [bars([jnp.asarray(a) for a in f], [jnp.asarray(c[j]) for c in cots]) for j, f in enumerate(each)]
    stacked = [np.stack([np.asarray(r[i]) for r in rows]) for i in range(len(rows[0]))]
    return stacked, [s if i in mapped else s.sum(0) for i, s in enumerate(stacked)]


def _same(context: Context, name, run, expected):
    try:
        with settings():
            got = [np.asarray(a) for a in run()]
    except Exception as error:
        line = str(error).splitlines()[0][:160] if str(error) else ""
        context.add("S7", "fail", f"{name} raises {type(error).__name__}: {line}")
        return
    for argument, a, b in zip(context.problem.names, got, expected, strict=True):
        if a.shape != b.shape:
            context.add("S7", "fail", f"{name} gives shape {list(a.shape)} for {list(b.shape)}, for", argument=argument)
            continue
        finite = np.isfinite(b)
        slack = 1e5 * context.eps * (np.abs(b) + np.abs(b).max(initial=0, where=finite))
        with np.errstate(invalid="ignore"):
            off = finite & ~(np.abs(a - b) <= slack)
        if off.any():
            index = tuple(map(int, np.argwhere(off)[0]))
            context.add("S7", "fail", f"{name} is not the loop, in the cotangent of", argument=argument, index=index,
                        got=float(a[index]), expected=float(b[index]))  # fmt: skip


def second_order(context: Context) -> bool:
    """S8: the derivative of the backward pass, where the first order is right."""
    problem = context.problem
    if context.failed():
        context.skipped.append(("S8 second order", "the first order is wrong already"))
        return False
    floats = [_spread(context.rng, np.asarray(a, context.dtype)) for a in problem.floats]
    outputs = context.outputs(floats, problem.ints)
    y_bar = [context.rng.normal(size=y.shape).astype(context.dtype) for y in outputs]
    weights = [context.rng.normal(size=a.shape) for a in floats]

    def gradient(side, dtype):
        def pulled(floats):
            bars = jax.vjp(lambda f: side.call(f, list(problem.ints)), floats)[1](
                [jnp.asarray(g, dtype) for g in y_bar]
            )[0]
            return sum(jnp.sum(jnp.asarray(w, b.dtype) * b) for w, b in zip(weights, bars, strict=True))

        with settings():
            return [np.asarray(g) for g in jax.jit(jax.grad(pulled))([jnp.asarray(a, dtype) for a in floats])]

    truth = gradient(problem.bare, "float64")
    try:
        rule = gradient(problem.rule, context.dtype)
    except Exception as error:
        context.skipped.append(("S8 second order", f"the backward pass is not differentiable: {type(error).__name__}"))
        return False
    flat = [np.concatenate([np.ravel(a).astype(np.float64) for a in arrays]) for arrays in (floats, rule, truth)]
    largest = np.abs(flat[2]).max(initial=0, where=np.isfinite(flat[2]))
    wrong = np.isfinite(flat[2]) & ~(np.abs(flat[1] - flat[2]) <= 1e6 * context.eps * largest + 1e-300)
    if not wrong.any():
        return True
    verdict = decide(
        Scalar(flat[0], _phi_of_bars(context, floats, y_bar, weights)), flat[1], flat[2], wrong, context.rng
    )
    if verdict.status != "pass":
        leaf, index = place(verdict.place, floats)
        message = f"{verdict.why}, in the second derivative by"
        context.add(
            "S8", verdict.status, message, argument=problem.names[leaf], index=index,
            got=float(flat[1][verdict.place]), expected=verdict.expected, guess="a residual under stop_gradient",
        )  # fmt: skip
    return True


def _phi_of_bars(context, floats, y_bar, weights):
    """The scalar that second_order differentiates, without rules, as a function of one flat vector."""
    shapes = [a.shape for a in floats]
    cuts = np.cumsum([a.size for a in floats])[:-1]

    def bars(flat):
        parts = tuple(part.reshape(shape) for part, shape in zip(np.split(flat, cuts), shapes, strict=True))
        point = Point("", parts, tuple(context.problem.ints), tuple(np.asarray(g, np.float64) for g in y_bar))
        return context.run(context.problem.bare, point, "float64")[1]

    start = bars(np.concatenate([a.ravel() for a in floats]).astype(np.float64))
    return lambda flat: float(sum(np.sum(w * (b - b0)) for w, b, b0 in zip(weights, bars(flat), start, strict=True)))
