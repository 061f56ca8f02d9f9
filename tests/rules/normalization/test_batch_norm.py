"""Batch normalisation across mapped examples and devices is the batch normalisation of the whole."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P

import funcnn as fn
from funcnn import rules
from funcnn.rules import batch_statistics
from tests.helpers.judge import assert_close

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X = jnp.asarray(RNG.normal(size=(8, 2, 3, 5)) * 2 + 1)
SCALE, SHIFT = jnp.asarray(RNG.normal(size=(2, 5)))
Y_BAR = jnp.asarray(RNG.normal(size=X.shape))
TARGETS = tuple(jnp.asarray(RNG.normal(size=a.shape)) for a in (X, SCALE, SHIFT))


def whole(x, scale, shift):
    return rules.batch_norm(x, scale, shift)


def mapped(x, scale, shift):
    return jax.vmap(lambda x: rules.batch_norm(x, scale, shift, axis_name="batch"), axis_name="batch")(x)


def mapped_twice(x, scale, shift):
    one = lambda x: rules.batch_norm(x, scale, shift, axis_name=("a", "b"))
    return jax.vmap(jax.vmap(one, axis_name="b"), axis_name="a")(x.reshape(4, 2, *x.shape[1:])).reshape(x.shape)


def mapped_to_single_rows(x, scale, shift):
    one = lambda row: rules.batch_norm(row, scale, shift, axis_name="row")
    return jax.vmap(one, axis_name="row")(x.reshape(-1, 5)).reshape(x.shape)


def sharded(x, scale, shift):
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
    one = lambda x, scale, shift: rules.batch_norm(x, scale, shift, axis_name="data")
    return jax.shard_map(one, mesh=mesh, in_specs=(P("data"), P(), P()), out_specs=P("data"))(x, scale, shift)


def bars(f):
    return lambda y_bar, *args: jax.vjp(f, *args)[1](y_bar)


@pytest.mark.parametrize("f", [mapped, mapped_twice, mapped_to_single_rows, sharded])
def test_parts_that_ask_each_other_are_the_whole(f):
    args = (X, SCALE, SHIFT)
    assert_close(jax.jit(f)(*args), whole(*args), 1e-12)
    assert_close(jax.jit(bars(f))(Y_BAR, *args), bars(whole)(Y_BAR, *args), 1e-12)


@pytest.mark.parametrize("f", [mapped, sharded])
def test_the_second_order_across_parts_is_that_of_the_whole(f):
    args = (Y_BAR, X, SCALE, SHIFT)
    second = [jax.jit(lambda *args, g=g: jax.vjp(bars(g), *args)[1](TARGETS))(*args) for g in (f, whole)]
    assert_close(*second, 1e-10)


def test_the_backward_pass_inside_of_shard_map_is_that_of_the_whole():
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
    one = lambda x, scale, shift: rules.batch_norm(x, scale, shift, axis_name="data")
    specs = (P("data"), P(), P())
    got = jax.shard_map(bars(one), mesh=mesh, in_specs=(P("data"), *specs), out_specs=specs)(Y_BAR, X, SCALE, SHIFT)
    assert_close(got, bars(whole)(Y_BAR, X, SCALE, SHIFT), 1e-12)


def test_autodiff_of_the_parts_agrees():
    bare = fn.verify.without_rules(mapped)
    assert_close(bars(bare)(Y_BAR, X, SCALE, SHIFT), bars(whole)(Y_BAR, X, SCALE, SHIFT), 1e-12)


@pytest.mark.parametrize("devices", [2, 3, 8])
def test_a_channel_that_is_the_same_everywhere_becomes_the_shift(devices):
    x = jnp.full((devices, 7, 5), 12345.678, jnp.float32)
    one = lambda x: rules.batch_norm(x, None, SHIFT.astype(jnp.float32), axis_name="data")
    y = jax.vmap(one, axis_name="data")(x)
    assert_close(y, jnp.broadcast_to(SHIFT.astype(jnp.float32), x.shape), 0.0)


def test_statistics_of_batches_are_those_of_all_their_rows():
    x = X.reshape(-1, 5)
    batches = [x[:1], x[1:20], x[20:24].reshape(2, 2, 5), x[24:]]
    assert_close(batch_statistics(batches), (x.mean(0), x.var(0)), 1e-12)
    parts = [X[:, :1], X[:, 1:]]
    mapped = jax.vmap(lambda parts: batch_statistics(parts, "data"), axis_name="data")(parts)
    for got, expected in zip(mapped, (x.mean(0), x.var(0)), strict=True):
        assert_close(got, jnp.broadcast_to(expected, got.shape), 1e-12)


def test_statistics_of_equal_rows_are_exact():
    batches = [jnp.full((n, 2), 12345.678, jnp.float32) for n in (3, 700, 41)]
    assert_close(batch_statistics(batches), (batches[0][0], jnp.zeros(2, jnp.float32)), 0.0)
