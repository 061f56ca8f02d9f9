"""Training on a mesh: the numbers of one device, the communication that is asked for, and everything left where it lay."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

import funcnn as fn
from benchmarks.communication import collectives
from funcnn.training._in_place import gathering, places_of
from funcnn.training._step import placed_step
from tests.helpers.judge import assert_close

RNG = np.random.default_rng(0)
KEY = jax.random.key(0)
OPTIMIZER = optax.sgd(0.01, momentum=0.9)
FSDP = fn.fsdp(min_size=0)
MEGATRON = fn.tensor_parallel({"**.up.w": P(None, "model"), "**.up.b": P("model"), "**.down.w": P("model", None)})


def block():
    return fn.residual(fn.serial(norm=fn.layer_norm(), up=fn.linear(16), act=fn.tanh, down=fn.linear(8)))


NETS = {
    "convolutional": (
        fn.serial(fn.conv(8, (3, 3)), fn.batch_norm(), fn.tanh, fn.flatten, fn.linear(2)),
        (RNG.normal(size=(20, 3, 3, 2)), RNG.normal(size=(20, 2))),
    ),
    "residual": (
        fn.serial(fn.linear(8), fn.repeat(block(), 12), fn.linear(2)),
        (RNG.normal(size=(20, 3)), RNG.normal(size=(20, 2))),
    ),
}


def mesh_of(*shape, axis_type=AxisType.Auto):
    axes, devices = ("data", "model")[: len(shape)], jax.devices()[: int(np.prod(shape))]
    return jax.make_mesh(shape, axes, axis_types=(axis_type,) * len(shape), devices=devices)


def train(name, **options):
    model, data = NETS[name]
    options |= {"epochs": 2, "batch_size": 8, "progress": False}  # of 20 examples, so that 4 are left over
    options |= {} if "state" in options else {"key": KEY}
    with pytest.warns(UserWarning, match="never calibrated") if name == "convolutional" else jax.named_scope(""):
        return fn.fit(model, fn.losses.squared_error, OPTIMIZER, data, **options)


@cache
def on_one_device(name):
    state, history = train(name)
    return jax.device_get((state.params, state.opt_state)), history["loss"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "shape", "axis_type", "sharding"),
    [
        ("convolutional", (1,), AxisType.Auto, FSDP),
        ("convolutional", (2,), AxisType.Auto, None),
        ("convolutional", (4,), AxisType.Auto, FSDP),
        ("convolutional", (8,), AxisType.Explicit, FSDP),
        ("residual", (2,), AxisType.Explicit, FSDP),
        ("residual", (4,), AxisType.Explicit, None),
        ("residual", (8,), AxisType.Auto, FSDP),
        ("residual", (2, 4), AxisType.Auto, [MEGATRON, FSDP]),
        ("residual", (2, 4), AxisType.Explicit, [MEGATRON, FSDP]),
    ],
)
def test_the_numbers_are_those_of_one_device(name, shape, axis_type, sharding):
    mesh = mesh_of(*shape, axis_type=axis_type)
    state, history = train(name, mesh=mesh, sharding=sharding)
    assert_close(jax.device_get((state.params, state.opt_state)), on_one_device(name)[0], 1e-12)
    np.testing.assert_allclose(history["loss"], on_one_device(name)[1], rtol=1e-12)
    placed = fn.place(state, mesh, sharding)
    for a, b in zip(*map(jax.tree.leaves, (state, placed)), strict=True):
        assert a.sharding.is_equivalent_to(b.sharding, a.ndim)


def lowered(shape, sharding):
    """A step of the deep residual net on a mesh, compiled, and the shapes of its state."""
    model, data = NETS["residual"]
    mesh = mesh_of(*shape)
    state = fn.place(lambda: fn.TrainState.create(model, OPTIMIZER, KEY, data[0]), mesh, sharding)
    step = placed_step(places_of(state), model, fn.losses.squared_error, OPTIMIZER)
    batch = fn.divide(jax.tree.map(lambda a: a[:16], data), mesh)
    return jax.jit(step.take).lower(state, batch).compile(), state


@pytest.mark.slow
def test_fsdp_gathers_parameters_never_examples():
    program, state = lowered((8,), FSDP)
    gathered = sum(size for kind, _, size in collectives(program.as_text()) if kind == "all-gather")
    divided = [a for a in jax.tree.leaves(state.params) if not a.sharding.is_fully_replicated]
    inside_of_repeat = sum(a.nbytes for a in divided if a.ndim == 3) // 12  # the program has its gathers once
    assert gathered <= 2 * inside_of_repeat + 2 * sum(a.nbytes for a in divided)


@pytest.mark.slow
def test_each_device_holds_its_part():
    program, state = lowered((8,), FSDP)
    whole = sum(a.nbytes for a in jax.tree.leaves((state.params, state.opt_state)))
    part = sum(a.addressable_shards[0].data.nbytes for a in jax.tree.leaves((state.params, state.opt_state)))
    assert whole / 8 <= part <= whole / 7
    assert program.memory_analysis().argument_size_in_bytes <= part + 1024


@pytest.mark.slow
@pytest.mark.parametrize("axis_type", [AxisType.Auto, AxisType.Explicit])
def test_what_is_gathered_is_not_saved(axis_type):
    model, mesh = fn.serial(fn.linear(24), fn.tanh, fn.linear(2)), mesh_of(8, axis_type=axis_type)
    params = fn.place(model.init(KEY, jnp.ones((8, 16))), mesh, FSDP)
    model, x = gathering(model, places_of(params)), fn.divide(jnp.ones((8, 16)), mesh)
    _, pull_back = jax.vjp(lambda params: model.apply(params, x), params)
    saved = {(a.shape, a.sharding.is_fully_replicated) for a in jax.tree.leaves(pull_back)}
    assert ((16, 24), True) not in saved
    assert ((8, 24), False) in saved  # what tanh saves


@pytest.mark.slow
def test_a_step_of_ones_own_leaves_its_state_in_place():
    model, mesh = fn.serial(fn.linear(8), fn.tanh, fn.linear(1)), mesh_of(4)
    step = fn.make_step(model, fn.losses.squared_error, OPTIMIZER)
    x, y = fn.divide((np.ones((8, 4)), np.ones((8, 1))), mesh)
    state = fn.place(fn.TrainState.create(model, OPTIMIZER, KEY, x), mesh, FSDP)
    places = jax.tree.map(lambda a: a.sharding, state)
    for _ in range(2):
        state, _ = step(state, (x, y))
    assert jax.tree.all(jax.tree.map(lambda a, place: a.sharding.is_equivalent_to(place, a.ndim), state, places))
    assert state.params[0]["w"].sharding == NamedSharding(mesh, P(None, "data"))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"sharding": FSDP}, TypeError, "sharding says how arrays lie on a mesh: pass mesh="),
        ({"mesh": "data"}, TypeError, r"mesh must be a jax\.sharding\.Mesh, got str"),
        ({"mesh": mesh_of(1, 8), "sharding": "fsdp"}, TypeError, r"sharding must be fn\.fsdp\(\)"),
        (
            {"mesh": mesh_of(8), "batch_size": 12},
            ValueError,
            "batch_size must have a multiple of 8 examples .*, got 12",
        ),
        (
            {"mesh": mesh_of(8), "batch_size": None},
            ValueError,
            "batch_size must have a multiple of 8 examples .*, got 20",
        ),
        ({"mesh": mesh_of(2, 4), "sharding": fn.fsdp("modle")}, ValueError, "the mesh has no axis 'modle'"),
    ],
)
def test_bad_arguments(options, error, message):
    model, data = NETS["residual"]
    with pytest.raises(error, match=message):
        fn.fit(model, fn.losses.squared_error, OPTIMIZER, data, epochs=1, key=KEY, **{"batch_size": 8} | options)
