"""S1: the backward pass is linear in the cotangent."""

import numpy as np

from ..judging._battery import battery
from ..judging._judge import Context


def linearity(context: Context) -> None:
    """S1: bwd is linear in the cotangent."""
    problem = context.problem
    kinds = dict(battery(problem.floats, (), context.rng))
    for kind in ("the example", "normal", "normal x 3")[: 3 if context.far else 1]:
        one, two = (context.points(kind, kinds[kind], problem.ints)[0] for _ in range(2))
        base, other = (context.run(problem.rule, p)[1] for p in (one, two))
        jitter = [a + b for a, b in zip(*(context.jitter(problem.rule, p) for p in (one, two)), strict=True)]
        scaled = lambda k, one=one: one._replace(cots=tuple(k * g for g in one.cots))
        tests = [(f"bwd({k:g} g) is not {k:g} bwd(g) for", context.run(problem.rule, scaled(k))[1], [k * b for b in base])
                 for k in (2.0**20, 2.0**-20, -1.0, 0.0, 3.0)]  # fmt: skip
        both = one._replace(cots=tuple(g + h for g, h in zip(one.cots, two.cots, strict=True)))
        tests.append(("bwd(g + h) is not bwd(g) + bwd(h) for", context.run(problem.rule, both)[1],
                      [a + b for a, b in zip(base, other, strict=True)]))  # fmt: skip
        for message, got, expected in tests:
            for name, a, b, r, moved in zip(problem.names, got, expected, base, jitter, strict=True):
                if not np.isfinite(r).all():
                    continue
                largest = [np.abs(a).max(initial=0) for a in (b, r)]
                rounding = 64 * moved.max(initial=0) * largest[0] / max(largest[1], np.finfo(np.float64).tiny)
                slack = 1e4 * context.eps * max(largest[0], np.finfo(np.float32).tiny) + rounding
                off = ~(np.abs(a - b) <= slack)
                if off.any():
                    index = tuple(map(int, np.argwhere(off)[0]))
                    context.add("S1", "fail", message, argument=name, index=index, got=float(a[index]),
                                expected=float(b[index]), inputs=one.kind)  # fmt: skip
