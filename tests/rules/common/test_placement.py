"""On an Explicit mesh a cotangent lies as its primal does, though what the primal meets is divided and it is not."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from funcnn import rules
from tests.helpers.judge import assert_close

RNG = np.random.default_rng(0)
X, T = jnp.asarray(RNG.normal(size=(8, 3))), jnp.asarray(RNG.uniform(0.1, 0.9, size=(8, 3)))
OF_TWO = [
    *[rules.squared_error, rules.absolute_error, rules.huber, rules.log_cosh, rules.poisson_nll, rules.hinge],
    *[rules.sigmoid_cross_entropy, rules.focal, rules.softmax_cross_entropy, rules.kl_divergence],
    *[rules.cosine_distance, rules.safe_divide, rules.glu, rules.swiglu, rules.geglu, rules.reglu],
]


def test_predictions_are_divided_and_targets_are_not():
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Explicit,))
    bars = jax.jit(lambda *args: [jax.grad(lambda *a, rule=rule: jnp.sum(rule(*a)), (0, 1))(*args) for rule in OF_TWO])
    expected = bars(X, T)
    with jax.set_mesh(mesh):
        got = bars(*(jax.device_put(a, NamedSharding(mesh, spec)) for a, spec in [(X, P("data")), (T, P())]))
    for rule, one, other in zip(OF_TWO, got, expected, strict=True):
        assert_close(jax.device_get(one), jax.device_get(other), 1e-12, rule.__name__)
        assert [a.sharding.spec[0] for a in one] == ["data", None], rule.__name__
