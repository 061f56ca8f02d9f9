"""linear makes rows of the leading axes wherever an Explicit mesh allows it, and is the same where it does not."""

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from funcnn import rules
from tests.helpers.judge import assert_close


def bars(x, w, b):
    return jax.grad(lambda *args: jnp.sum(jnp.sin(rules.linear(*args))), (0, 1, 2))(x, w, b)


@pytest.mark.parametrize("spec", [P("data"), P(None, "data"), P("data", "model"), P(("data", "model"))])
def test_any_leading_axis_may_be_divided(spec):
    keys = jax.random.split(jax.random.key(0), 3)
    args = [jax.random.normal(key, shape) for key, shape in zip(keys, [(8, 4, 6), (6, 3), (3,)], strict=True)]
    mesh = jax.make_mesh((4, 2), ("data", "model"), axis_types=(AxisType.Explicit,) * 2)
    with jax.set_mesh(mesh):
        divided = [jax.device_put(a, NamedSharding(mesh, s)) for a, s in zip(args, [spec, P(), P()], strict=True)]
        got = jax.jit(bars)(*divided)
    assert_close(jax.device_get(got), bars(*args), 1e-12)
