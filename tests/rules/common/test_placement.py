"""On an Explicit mesh a cotangent lies as its primal does, though what the primal meets is divided and it is not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from funcnn import rules
from tests.helpers.judge import assert_close

pytestmark = pytest.mark.slow

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


def test_images_are_divided_along_the_batch():
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Explicit,))
    images = jnp.asarray(RNG.normal(size=(16, 4, 4, 4)))
    slide = [lambda x: rules.max_pool(x, 3, 2, "SAME"), lambda x: rules.avg_pool(x, 2), rules.global_avg_pool]
    laid_out = [
        lambda x: rules.pixel_shuffle(x, 2),
        lambda x: rules.pixel_unshuffle(x, 2),
        lambda x: rules.upsample(x, 2),
    ]
    for f in (
        *slide,
        *laid_out,
    ):  # not compiled as one, because a rule may fail only where each operation runs by itself
        both = lambda x, f=f: jax.vjp(f, x)[1](jnp.cos(f(x)))
        with jax.set_mesh(mesh):
            got = both(jax.device_put(images, NamedSharding(mesh, P("data"))))
        assert_close(jax.device_get(got), jax.device_get(both(images)), 1e-12)
        assert got[0].sharding.spec[0] == "data"


def test_channels_are_divided():
    mesh = jax.make_mesh((2, 4), ("data", "model"), axis_types=(AxisType.Explicit,) * 2)
    images, w = jnp.asarray(RNG.normal(size=(2, 4, 4, 8))), jnp.asarray(RNG.normal(size=(3, 3, 8, 4)))
    channels, out = P("data", None, None, "model"), P(None, None, None, "model")
    cases = [
        *[(f, a, b) for f in (rules.conv, rules.conv_transpose) for a, b in ((channels, out), (P("data"), out))],
        (rules.conv, channels, P(None, None, "model", None)),
        (lambda x, w: rules.pixel_shuffle(x, 2), channels, P(*[None] * 4)),
        (lambda x, w: rules.pixel_unshuffle(x, 2), P("data", "model", None, None), P(*[None] * 4)),
    ]
    for f, *specs in cases:
        both = jax.jit(lambda x, w, f=f: (y := jax.vjp(f, x, w))[1](jnp.cos(y[0])))
        with jax.set_mesh(mesh):
            placed = [jax.device_put(a, NamedSharding(mesh, spec)) for a, spec in zip((images, w), specs, strict=True)]
            got = both(*placed)
        assert_close(jax.device_get(got), jax.device_get(both(images, w)), 1e-12, str(specs))
        assert [jax.typeof(a) for a in got] == [jax.typeof(a) for a in placed]
