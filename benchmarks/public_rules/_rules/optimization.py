"""Projections, losses, scaled gradients and solvers: optax, jaxopt, kfac-jax, rlax."""

from .._rule import Call, Rule, Slope
from ._calls import array, calling, definite

INF = float("inf")
POINT, PROJECTION = array(0.3, -1.2, 0.8, 0.1), "jaxopt/_src/projection.py"
LOGITS, WEIGHTS = array([0.3, -1.2, 0.8], [2.0, 0.1, -0.5]), array([0.2, 0.3, 0.5], [0.1, 0.6, 0.3])


def root() -> Call:
    """A linear system, by jaxopt's decorator."""
    import jax.numpy as jnp
    from jaxopt import implicit_diff

    solver = implicit_diff.custom_root(lambda x, a, b: a @ x - b)(lambda init, a, b: jnp.linalg.solve(a, b))
    return Call(
        lambda a, b: solver(None, a, b), (definite(3), array(0.3, -1.2, 0.8)), {"domain": {"a": "positive definite"}}
    )


RULES = (
    Rule("optax", "optax.projections._projections._projection_unit_simplex", "optax/projections/_projections.py",
         calling("optax.projections._projections:_projection_unit_simplex", POINT)),
    Rule("optax", "optax.losses._classification.weighted_logsoftmax", "optax/losses/_classification.py",
         calling("optax.losses._classification:weighted_logsoftmax", LOGITS, WEIGHTS), "pass",
         "missed: NaN in forward mode where a logit is −inf and its weight 0",
         (Slope(([0.5, -INF], [1.0, 0.0]), output=1, forward=True),)),
    Rule("optax", "optax._src.utils._scale_gradient", "optax/_src/utils.py",
         calling("optax._src.utils:_scale_gradient", POINT, 0.5, surrogate=True)),
    Rule("jaxopt", "jaxopt._src.projection._projection_unit_simplex", PROJECTION,
         calling("jaxopt._src.projection:_projection_unit_simplex", POINT)),
    Rule("jaxopt", "jaxopt._src.projection._projection_unit_sparse_simplex", PROJECTION,
         calling("jaxopt._src.projection:_projection_unit_sparse_simplex", POINT, after=lambda f, x: f(x, 2, False))),
    Rule("jaxopt", "jaxopt.implicit_diff.custom_root", "jaxopt/_src/implicit_diff.py", root),
    Rule("kfac-jax", "kfac_jax._src.utils.math._sqrt_bound_derivative", "kfac_jax/_src/utils/math.py",
         calling("kfac_jax._src.utils.math:_sqrt_bound_derivative", array(0.3, 1.2, 4.8),
                 after=lambda f, x: f(x, 1000.0), surrogate=True)),
    Rule("rlax", "rlax.clip_gradient", "rlax/_src/clipping.py",
         calling("rlax:clip_gradient", array(0.3, -1.2, 4.8), after=lambda f, x: f(x, -1.0, 1.0), surrogate=True)),
)  # fmt: skip
