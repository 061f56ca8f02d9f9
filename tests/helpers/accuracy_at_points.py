"""How exact a rule of several numbers is, beside itself in float64, at random and adversarial points.

Errors are in units in the last place (ulp):

- of a value, in ulp of the largest one at its point;
- of a cotangent, in ulp of the largest sum of |∂y_i / ∂x_j| |y_bar_i| over i, the terms that the chain rule adds;
- where a result is a difference of larger terms, in ulp of the largest of those: `terms_at_points` has them.

Points whose terms overflow are left out.
"""

from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from funcnn.rules._catalogue import Classes, catalogue
from tests.helpers.accuracy import smallest, ulps
from tests.helpers.cases_at_points import CASES
from tests.helpers.points import draw_points

DTYPES = (jnp.float32, jnp.bfloat16, jnp.float16)


class Worst(NamedTuple):
    """The largest error of a result, in ulp, and the number of its point."""

    ulp: float
    at: int


def points(name: str, count: int, seed: int, dtype: Any) -> tuple[tuple, tuple]:
    """Arguments and cotangents of so many points, in float64, or integers."""
    case, entry = CASES[name], catalogue[name]
    args = draw_points(tuple(case.arguments.values()), count, seed, dtype, case.sizes)
    one = jax.eval_shape(entry.bind(dict(case.options)), *(_typed(a[0], jnp.float64) for a in args))
    shapes = tuple(leaf.shape for leaf in jax.tree.leaves(one))
    bars = draw_points(shapes, count, seed + 1, dtype, (0.0, 2.0**8))
    return args, tuple(np.where(np.abs(a) < 2.0**-8, 1, a) for a in bars)


def measured(name: str, count: int, seed: int) -> dict[str, dict[str, Worst]]:
    """For each dtype the worst error of the value and of each cotangent, over so many points."""
    drawn = [points(name, count, seed, dtype) for dtype in DTYPES]
    with jax.numpy_rank_promotion("allow"):  # of the terms
        off = _errors(name)(drawn)
    return {
        jnp.dtype(dtype).name: {what: Worst(float(a.max()), int(a.argmax())) for what, a in each.items()}
        for dtype, each in zip(DTYPES, jax.tree.map(np.asarray, off), strict=True)
    }


@cache
def _errors(name):
    """A compiled function of points of each dtype that gives the error of each result, a number a point."""
    case, entry = CASES[name], catalogue[name]
    f, names = entry.bind(dict(case.options)), list(case.arguments)
    floating = [i for i, described in enumerate(case.arguments.values()) if not isinstance(described, Classes)]

    def results(args, y_bars):
        """Value and cotangents by their names, and the value's leaves with the function that pulls back."""

        def of_floats(*floats):
            full = dict(enumerate(args)) | dict(zip(floating, floats, strict=True))
            return jax.tree.leaves(f(*full.values()))

        y, pull = jax.vjp(of_floats, *(args[i] for i in floating))
        bars = pull([a.astype(b.dtype) for a, b in zip(y_bars, y, strict=True)])
        return {"value": y} | {f"{names[i]}_bar": [bar] for i, bar in zip(floating, bars, strict=True)}, y, pull

    def of_point(args, y_bars):
        """The truth, the size of each result's terms, and whether the point counts."""
        truth, y, pull = results(args, y_bars)
        sizes = {"value": [jnp.max(jnp.abs(a), initial=0) for a in y]}
        for i, total in zip(floating, _chained(pull, y, y_bars), strict=True):
            sizes[f"{names[i]}_bar"] = [jnp.max(total)]
        named = dict(zip(names, args, strict=True))
        stated = case.terms(entry.rule, named, y_bars[0]) if case.terms else {}
        for what, term in stated.items():
            sizes[what] = [jnp.maximum(a, jnp.max(jnp.abs(term))) for a in sizes.get(what, [0])]
        return truth, sizes, ~case.undecided(named) if case.undecided else True

    @jax.jit
    def run(drawn):
        truths = jax.vmap(of_point)(*jax.tree.map(lambda *a: jnp.concatenate(a), *drawn))
        count = len(drawn[0][1][0])
        found = []
        for i, (dtype, (args, y_bars)) in enumerate(zip(DTYPES, drawn, strict=True)):
            here = jax.tree.map(lambda a, i=i: a[i * count : (i + 1) * count], truths)
            got = jax.vmap(lambda *point: results(*point)[0])(tuple(_typed(a, dtype) for a in args), y_bars)
            found.append(jax.vmap(lambda got, point, dtype=dtype: _off(got, point, dtype))(got, here))
        return found

    return run


def _off(got, point, dtype):
    """The error of each result at a point, in ulp; 0 where the point does not count."""
    truth, sizes, counts = point
    counts &= jnp.max(jnp.stack(jax.tree.leaves(sizes))) <= float(jnp.finfo(dtype).max)
    worst = {}
    for what in truth:
        each = [
            jnp.max(ulps(a.astype(jnp.float64), b, jnp.maximum(size, _least(dtype)), dtype), initial=0)
            for a, b, size in zip(got[what], truth[what], sizes[what], strict=True)
        ]
        worst[what] = jnp.where(counts, jnp.max(jnp.stack(each)), 0)
    return worst


def _chained(pull, y, y_bars):
    """Σ |∂y_i / ∂x_j| |y_bar_i| over i, of the shape of each argument."""
    totals = []
    for i, (leaf, bar) in enumerate(zip(y, y_bars, strict=True)):
        unit = jnp.eye(leaf.size, dtype=leaf.dtype).reshape(leaf.size, *leaf.shape)
        rows = jax.vmap(lambda e, i=i: pull([e if k == i else jnp.zeros_like(a) for k, a in enumerate(y)]))(unit)
        totals.append([jnp.tensordot(jnp.abs(bar).reshape(-1), jnp.abs(a), 1) for a in rows])
    return [sum(of_leaves) for of_leaves in zip(*totals, strict=True)]


def _least(dtype):
    """Of terms: a sum of what is flushed to 0 is in ulp of a number with so many digits more."""
    return smallest(dtype) * 2.0**24 if dtype != jnp.float16 else 0.0


def _typed(a, dtype):
    return jnp.asarray(a, dtype) if jnp.issubdtype(a.dtype, jnp.floating) else jnp.asarray(a)
