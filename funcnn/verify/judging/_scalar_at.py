"""A point as finite differences ask about it: one function of one flat vector, and the rows of the Jacobian."""

import numpy as np

from ._finite_differences import Scalar
from ._point import Floats, Point, ravel, unraveling
from ._problem import Side
from ._sides import Dtypes, Sides
from ._tolerance import KINK_BEND

_BEND_STEP = 1e-4  # of a difference's step: how near to a kink it is looked for


def scalar_at(sides: Sides, point: Point) -> Scalar:
    """The function ⟨cotangent, y⟩ at a point, and the rows of its Jacobian."""
    x, unravel = ravel(point.floats), unraveling(point.floats)

    domains = sides.problem.domains

    def moved(flat: np.ndarray) -> Floats:
        return domains.moved(point.floats, unravel(flat))

    def y(flat: np.ndarray) -> np.ndarray:
        sides.in_time()
        floats = moved(flat)
        values = ravel(sides.outputs(floats, point.ints))
        left = not domains.free and any(np.isnan(a).any() for a in floats)
        return np.full_like(values, np.nan) if left else values

    y0, g = y(x), ravel(point.cots)

    def phi(flat: np.ndarray) -> float:
        with np.errstate(invalid="ignore"):
            return float(np.sum(g * (y(flat) - y0), where=g != 0))

    def every(flat: np.ndarray) -> float:
        with np.errstate(invalid="ignore"):
            return float(np.sum(y(flat) - y0))

    def outputs_with_kink(i: int, h: float) -> list[int]:
        e = h * _BEND_STEP * (np.arange(x.size) == i)
        bend = np.abs(y(x + e) + y(x - e) - 2 * y0)
        return [int(j) for j in np.argsort(-bend) if bend[j] > KINK_BEND * bend.max(initial=0)]

    def row(side: Side, j: int, flat: np.ndarray, dtype: Dtypes) -> np.ndarray:
        hot = unraveling(point.cots)((np.arange(y0.size) == j) * 1.0)
        return ravel(sides.run(side, point._replace(floats=moved(flat), cots=hot), dtype).bars)

    rule, bare = sides.problem.rule, sides.problem.bare
    near = lambda dx: ravel(sides.run(bare, point._replace(floats=moved(x + dx)), "float64").bars)
    return Scalar(
        x,
        phi,
        outputs_with_kink,
        lambda j: row(rule, j, x, sides.dtype),
        (lambda j, dx: row(bare, j, x + dx, "float64")) if sides.trusted else None,
        near if sides.trusted else None,
        every,
        float(np.sum(np.abs(g) * np.spacing(np.abs(y0)), where=np.isfinite(y0))),
    )
