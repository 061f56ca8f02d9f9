"""A point as `_truth` asks about it: one function of one flat vector, and the rows of the Jacobian."""

from typing import Any

import numpy as np

from ._finite_differences import Scalar
from ._point import Point, ravel


def scalar_at(context: Any, point: Point) -> Scalar:
    """The function ⟨cotangent, y⟩ at a point, and the rows of its Jacobian."""
    x = ravel(point.floats)
    shapes = [a.shape for a in point.floats]
    cuts = np.cumsum([a.size for a in point.floats])[:-1]

    def unravel(flat):
        return tuple(part.reshape(shape) for part, shape in zip(np.split(flat, cuts), shapes, strict=True))

    def y(flat):
        context.in_time()
        return ravel(context.outputs(unravel(flat), point.ints))

    y0, g = y(x), ravel(point.cots)

    def phi(flat):
        with np.errstate(invalid="ignore"):
            return float(np.sum(g * (y(flat) - y0), where=g != 0))

    def outputs_with_kink(i, h):
        e = h * 1e-4 * (np.arange(x.size) == i)
        bend = np.abs(y(x + e) + y(x - e) - 2 * y0)
        return [int(j) for j in np.argsort(-bend) if bend[j] > 1e-3 * bend.max(initial=0)]

    def row(side, j, flat, dtype):
        hot, cots = (np.arange(y0.size) == j) * 1.0, []
        for part in point.cots:
            cots.append(hot[: part.size].reshape(part.shape))
            hot = hot[part.size :]
        at = point._replace(floats=unravel(flat), cots=tuple(cots))
        return ravel(context.run(side, at, dtype)[1])

    rule, bare = context.problem.rule, context.problem.bare
    near = lambda dx: ravel(context.run(bare, point._replace(floats=unravel(x + dx)), "float64")[1])
    return Scalar(
        x,
        phi,
        outputs_with_kink,
        lambda j: row(rule, j, x, context.dtype),
        (lambda j, dx: row(bare, j, x + dx, "float64")) if context.trusted else None,
        near if context.trusted else None,
    )
