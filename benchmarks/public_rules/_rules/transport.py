"""Norms, soft minima, matrix roots and costs of optimal transport: ott-jax."""

from .._rule import Call, Rule, Slope, Value
from ._calls import array, calling, definite, scalar

UTILS, ROOTS, X = "ott/math/utils.py", "ott/math/matrix_square_root.py", array(0.3, -1.2, 0.8)
INF, DEFINITE = float("inf"), "positive definite"


def legendre() -> Call:
    """The Legendre transform of a cost with an l1 regularizer, by its proximal operator."""
    from ott.geometry import costs, regularizers

    return Call(costs.RegTICost(regularizers.L1(), lam=0.7).h_legendre, (array(0.3, -1.2, 2.8),))


RULES = (
    Rule("ott-jax", "ott.math.utils.norm", UTILS, calling("ott.math.utils:norm", X), "fail",
         "its value at 0 is √d under differentiation", (Value(([0.0, 0.0, 0.0],)),)),
    Rule("ott-jax", "ott.math.utils.logsumexp", UTILS, calling("ott.math.utils:logsumexp", X), "fail",
         "its value for a row of −inf is 0 under differentiation", (Value(([-INF, -INF],)),)),
    Rule("ott-jax", "ott.math.utils.softmin", UTILS,
         calling("ott.math.utils:softmin", X, scalar(0.7), after=lambda f, x, gamma: f(x, gamma, None)), "fail",
         "no slope in gamma", (Slope(([0.3, -1.2, 0.8], 0.7), argument=1),)),
    Rule("ott-jax", "ott.math.utils.lambertw", UTILS, calling("ott.math.utils:lambertw", array(0.3, 1.2, 4.8))),
    Rule("ott-jax", "ott.math.matrix_square_root.sqrtm", ROOTS,
         calling("ott.math.matrix_square_root:sqrtm", definite(3), domain={"x": DEFINITE}, after=lambda f, x: f(x)[:2])),
    Rule("ott-jax", "ott.math.matrix_square_root.sqrtm_only", ROOTS,
         calling("ott.math.matrix_square_root:sqrtm_only", definite(3), domain={"x": DEFINITE})),
    Rule("ott-jax", "ott.math.matrix_square_root.inv_sqrtm_only", ROOTS,
         calling("ott.math.matrix_square_root:inv_sqrtm_only", definite(3), domain={"x": DEFINITE})),
    Rule("ott-jax", "ott.geometry.costs.RegTICost.h_legendre", "ott/geometry/costs.py", legendre),
)  # fmt: skip
