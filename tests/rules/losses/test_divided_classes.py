"""linear_log_prob with its classes divided over devices, beside one device's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P

from funcnn import rules
from tests.helpers.judge import assert_close

RNG = np.random.default_rng(0)
X, W, B, U = (jnp.asarray(RNG.normal(size=shape)) for shape in [(4, 3), (3, 16), (16,), (16,)])
LABELS = jnp.array([0, 5, 15, 9])
OPTIONS = {"temperature": 0.7, "softcap": 2.0, "chunk": 3}
IN_PLACES = P("data"), P(None, "model"), P("data"), P("model"), P("model")


def numbers(x, w, labels, b, u, **options):
    return rules.linear_log_prob(x, w, labels, b, u=u, **OPTIONS, **options)


def over(mesh, f, outs):
    return jax.jit(jax.shard_map(f, mesh=mesh, in_specs=IN_PLACES, out_specs=outs))


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(1, 4), (2, 4)])
def test_divided_classes_give_one_device_s_numbers_and_cotangents(shape):
    mesh = jax.make_mesh(
        shape, ("data", "model"), axis_types=(AxisType.Auto,) * 2, devices=jax.devices()[: np.prod(shape)]
    )

    def loss(x, w, b, u, labels, **options):
        y = numbers(x, w, labels, b, u, **options)
        return jnp.sum(jnp.sin(y.log_prob) + y.lse * y.entropy + y.weighted_logit**2), y

    def run(x, w, labels, b, u, **options):
        bars, y = jax.grad(loss, (0, 1, 2, 3), has_aux=True)(x, w, b, u, labels, **options)
        return bars, y

    places = (P("data"), P(None, "model"), P("model"), P("model")), P("data")
    got = over(mesh, lambda *args: run(*args, axis_name="model"), places)(X, W, LABELS, B, U)
    assert_close(got, run(X, W, LABELS, B, U), 1e-10)


@pytest.mark.slow
def test_a_label_outside_all_classes_is_nan_and_of_equal_logits_the_first_is_the_argmax():
    mesh = jax.make_mesh((1, 4), ("data", "model"), axis_types=(AxisType.Auto,) * 2, devices=jax.devices()[:4])
    labels, w = jnp.array([16, 3, -1, 4]), jnp.tile(W[:, :4], (1, 4))
    y = over(mesh, lambda *args: numbers(*args, axis_name="model"), P("data"))(X, w, labels, 0 * B, U)
    one = numbers(X, w, labels, 0 * B, U)
    assert np.isnan(y.log_prob).tolist() == [True, False, True, False]
    np.testing.assert_array_equal(y.argmax, one.argmax)
    np.testing.assert_array_equal(y.correct, one.correct)


def test_weights_that_are_the_same_on_all_devices_are_refused():
    with pytest.raises(ValueError, match=r"w must be divided over axis_name by a jax.shard_map .*, got 'model'"):
        numbers(X, W, LABELS, B, U, axis_name="model")
    with pytest.raises(TypeError, match="axis_name must be the name of an axis, or a tuple of names, got 1"):
        numbers(X, W, LABELS, B, U, axis_name=1)
