"""Slopes in every dtype: exact in the tails where the rule keeps x.

No function here is jitted: a compiler may take y to the backward pass before it is rounded to half precision.
"""

from math import exp

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from funcnn import rules

DTYPES = [pytest.param(dtype, id=dtype.__name__) for dtype in (jnp.bfloat16, jnp.float16, jnp.float32, jnp.float64)]
SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772

# rule, options, the slope left of 0, and points of every dtype
EXPONENTIAL = {
    "elu": (rules.elu, {}, exp),
    "elu-0.5": (rules.elu, {"alpha": 0.5}, lambda x: 0.5 * exp(x)),
    "elu--2": (rules.elu, {"alpha": -2.0}, lambda x: -2 * exp(x)),
    "selu": (rules.selu, {}, lambda x: SCALE * ALPHA * exp(x)),
    "celu": (rules.celu, {}, exp),
    "celu-2": (rules.celu, {"alpha": 2.0}, lambda x: exp(x / 2)),
}
TAIL = [-0.125, -1.0, -4.0, -5.0, -6.25, -8.0, -9.0, -20.0, -60.0, -80.0]


def slopes(f, x, options):
    y, vjp = jax.vjp(lambda x: f(x, **options), x)
    (slope,) = vjp(jnp.ones_like(y))
    assert slope.dtype == x.dtype
    return np.asarray(slope).astype(np.float64)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", EXPONENTIAL)
def test_an_exponential_tail_has_its_true_slope(name, dtype):
    f, options, slope = EXPONENTIAL[name]
    expected = np.array([slope(x) for x in TAIL])
    limits = jnp.finfo(dtype)
    roundings = np.maximum(np.abs(expected) * 2 * float(limits.eps), float(limits.smallest_subnormal))
    error = np.abs(slopes(f, jnp.array(TAIL, dtype), options) - expected)
    assert (error <= roundings).all(), error / roundings
