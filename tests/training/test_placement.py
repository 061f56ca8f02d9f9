"""Where arrays lie on a mesh: parameters as their paths say, the optimizer's state like its parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

import funcnn as fn
from funcnn.training._placement import shardings

KEY = jax.random.key(0)
X = jnp.ones((8, 4))
MODEL = fn.serial(up=fn.linear(16), act=fn.tanh, down=fn.linear(4))
MEGATRON = fn.tensor_parallel({"up.w": P(None, "model"), "up.b": P("model"), "down.w": P("model", None)})


def mesh_of(axis_type=AxisType.Auto, **axes):
    return jax.make_mesh(tuple(axes.values()), tuple(axes), axis_types=(axis_type,) * len(axes))


def specs_of(tree, mesh, sharding):
    return jax.tree.map(lambda s: s.spec, shardings(tree, mesh, sharding))


def params():
    return jax.eval_shape(MODEL.init, KEY, X)


@pytest.mark.parametrize(
    ("shape", "min_size", "spec"),
    [
        ((3, 8), 0, P(None, "data")),
        ((8, 12, 4), 0, P(None, "data", None)),
        ((8, 8), 0, P("data", None)),
        ((6, 4), 0, P(None, "data")),  # six, the larger one, cannot be divided by four
        ((6, 7), 0, P()),
        ((), 0, P()),
        ((0, 3), 0, P()),
        ((8, 8), 64, P("data", None)),
        ((8, 8), 65, P()),
    ],
)
def test_fsdp_divides_the_largest_axis_that_can_be(shape, min_size, spec):
    leaf = jax.ShapeDtypeStruct(shape, jnp.float64)
    assert specs_of({"w": leaf}, mesh_of(data=4), fn.fsdp(min_size=min_size)) == {"w": spec}


def test_fsdp_over_two_axes_of_the_mesh():
    leaf, both = jax.ShapeDtypeStruct((3, 8), jnp.float64), ("replica", "data")
    assert specs_of(leaf, mesh_of(replica=2, data=4), fn.fsdp(both, min_size=0)) == P(None, both)


def test_the_first_that_names_a_leaf_wins():
    got = specs_of(params(), mesh_of(data=2, model=4), [MEGATRON, fn.fsdp(min_size=0)])
    assert got["up"] == {"w": P(None, "model"), "b": P("model")}
    assert got["down"] == {"w": P("model", None), "b": P("data")}
    assert specs_of(params(), mesh_of(data=8), [fn.replicated(), fn.fsdp(min_size=0)])["up"]["w"] == P()


OPTIMIZERS = {
    "adam": optax.adam(1e-3),
    "chain": optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(optax.cosine_decay_schedule(0.1, 9), momentum=0.9)),
    "hyperparams": optax.inject_hyperparams(optax.adamw)(1e-3),
    "MultiSteps": optax.MultiSteps(optax.adam(1e-3), 4),
    "masked": optax.masked(optax.adam(1e-3), fn.paths("**.w")),
    "multi_transform": optax.multi_transform(
        {"a": optax.adam(1e-3), "b": optax.sgd(0.1, momentum=0.9)},
        lambda params: jax.tree.map(lambda named: "a" if named else "b", fn.paths("**.w")(params)),
    ),
    "apply_if_finite": optax.apply_if_finite(optax.adam(1e-3), 5),
    "lbfgs": optax.lbfgs(),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_optimizers_state_lies_like_its_parameters(name):
    state = jax.eval_shape(lambda: fn.TrainState.create(MODEL, OPTIMIZERS[name], KEY, X))
    placed = shardings(state, mesh_of(data=2, model=4), [MEGATRON, fn.fsdp(min_size=0)])
    spec = {leaf.shape: s.spec for leaf, s in zip(*map(jax.tree.leaves, (state.params, placed.params)), strict=True)}
    assert len(spec) == 4
    followed = 0
    for leaf, s in zip(*map(jax.tree.leaves, (state.opt_state, placed.opt_state)), strict=True):
        assert s.spec == spec.get(leaf.shape, P()), leaf.shape
        followed += leaf.shape in spec
    assert followed >= 4
    assert {s.spec for s in jax.tree.leaves((placed.key, placed.step, placed.position))} == {P()}


def test_what_has_another_shape_than_its_parameter_stays_whole():
    factored = optax.adafactor(1e-3, min_dim_size_to_factor=2)
    state = jax.eval_shape(lambda: fn.TrainState.create(MODEL, factored, KEY, X))
    placed = shardings(state, mesh_of(data=2, model=4), MEGATRON).opt_state[0]
    assert {name: s.spec for name, s in placed.v["up"].items()} == {"w": P(), "b": P("model")}
    assert {s.spec for s in jax.tree.leaves((placed.v_row, placed.v_col))} == {P()}


@pytest.mark.parametrize(
    ("sharding", "message"),
    [
        (
            fn.tensor_parallel({"up.w": P(None, "modle")}),
            r"up\.w: of shape \[4, 16\] cannot be divided by .*: the mesh has no axis 'modle', but data=2, model=4",
        ),
        (fn.tensor_parallel({"up.b": P(None, "model")}), r"up\.b: .*: it has 1 axes, the spec 2"),
        (fn.tensor_parallel({"up.w": P("model", "model")}), r"up\.w: .*a mesh axis may divide one of its axes only"),
        (
            fn.tensor_parallel({"*.w": P(("data", "model"), None)}),
            r"up\.w: .*: 4 along axis 0 is not a multiple of 8, mesh axis \('data', 'model'\)$",
        ),
        (
            fn.tensor_parallel({"pu.w": P(None, "model")}),
            r"'pu\.w' must name a parameter, got none of down\.b, .*up\.w$",
        ),
        (fn.fsdp("rows", min_size=0), r"^the mesh has no axis 'rows', but data=2, model=4"),
    ],
)
def test_what_does_not_fit_is_named(sharding, message):
    with pytest.raises(ValueError, match=message):
        fn.place(params(), mesh_of(data=2, model=4), sharding)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: fn.place(X, "data"), TypeError, r"mesh must be a jax\.sharding\.Mesh, got str"),
        (lambda: fn.place(X, mesh_of(data=8), "fsdp"), TypeError, r"sharding must be fn\.fsdp\(\), .*, got 'fsdp'"),
        (lambda: fn.place(X, mesh_of(data=8), fn.fsdp), TypeError, r"sharding must be fn\.fsdp\(\)"),
        (
            lambda: fn.tensor_parallel({"w": ("data",)}),
            TypeError,
            r"'w' must stand for a PartitionSpec, got \('data',\)",
        ),
        (lambda: fn.tensor_parallel(3), TypeError, "specs must be a dict from globs to PartitionSpecs, got int"),
        (lambda: fn.fsdp(3), TypeError, "axis must be a mesh axis's name, or a tuple of them, got 3"),
        (lambda: fn.tensor_parallel({3: P()}), TypeError, "a glob must be a string"),
        (lambda: fn.fsdp(min_size=-1), ValueError, "min_size must be a number of elements, at least 0, got -1"),
        (
            lambda: fn.divide(X[:6], mesh_of(data=4)),
            ValueError,
            r"batch must have a multiple of 4 examples .* got 6",
        ),
        (lambda: fn.divide(X, mesh_of(model=8)), ValueError, "mesh must have an axis 'data', .*got model=8"),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("axis_type", [AxisType.Auto, AxisType.Explicit])
def test_what_was_placed_is_its_own(axis_type):
    mesh = mesh_of(axis_type, data=4)
    donate = jax.jit(lambda tree: jax.tree.map(lambda a: a + 1, tree), donate_argnums=0)
    on_one = {"w": jnp.arange(8.0)}
    divided = fn.place(on_one, mesh, fn.fsdp(min_size=0))
    for source in (on_one, divided):
        for sharding in (fn.replicated(), fn.fsdp(min_size=0)):
            donate(fn.place(source, mesh, sharding))
            np.testing.assert_array_equal(source["w"], np.arange(8.0))


@pytest.mark.slow
@pytest.mark.parametrize("axis_type", [AxisType.Auto, AxisType.Explicit])
def test_a_state_is_made_where_it_is_to_lie(axis_type):
    mesh, optimizer = mesh_of(axis_type, data=4), optax.adam(1e-3)
    create = lambda: fn.TrainState.create(MODEL, optimizer, KEY, X)
    made, placed = (fn.place(a, mesh, fn.fsdp(min_size=0)) for a in (create, create()))
    for a, b in zip(*map(jax.tree.leaves, (made, placed)), strict=True):
        assert a.sharding == b.sharding
        assert jnp.issubdtype(a.dtype, jax.dtypes.prng_key) or np.allclose(a, b, rtol=1e-12)
    assert made.params["up"]["w"].addressable_shards[0].data.shape == (4, 4)


def test_batches_are_divided_over_the_axes_for_data():
    mesh = mesh_of(replica=2, data=2, model=2)
    x, y = fn.divide((np.arange(16.0).reshape(8, 2), np.arange(8)), mesh)
    assert x.sharding == NamedSharding(mesh, P(("replica", "data")))
    assert {shard.data.shape for shard in x.addressable_shards} == {(2, 2)}
    np.testing.assert_array_equal(y, np.arange(8))
