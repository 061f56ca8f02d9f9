"""Modules of Flax, Equinox and Haiku as layers: their libraries' own values, gradients and statistics, to rounding."""

import sys
import warnings
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest

import funcnn as fn
from tests.helpers.judge import assert_close

KEY = jax.random.key(0)
DROPPED = 0.5


@cache
def libraries() -> Any:
    """The helper with everything of other libraries, imported late."""
    for library in ("flax", "equinox", "haiku"):
        pytest.importorskip(library)
    from tests.helpers import peers

    return peers


@pytest.fixture(autouse=True)
def _promoting():
    """These libraries rely on implicit promotion."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


@pytest.fixture
def peers():
    return libraries()


@pytest.fixture
def peer(request):
    return libraries().PEERS[request.param]


def every_peer(test):
    """A test of each library's module: compiling takes seconds."""
    names = ["linen", "nnx", "equinox", "haiku"]
    return pytest.mark.slow(pytest.mark.parametrize("peer", names, indirect=True)(test))


@cache
def layer(peer, rate=0.0):
    return peer.make(rate)


@cache
def drawn(peer, rate=0.0):
    return layer(peer, rate).init(KEY, jax.eval_shape(lambda: peer.x))


def batches(peer):
    return [peer.x[:1], peer.x[1:9], peer.x[9:]]


@cache
def calibrated(peer, rate=0.0):
    return fn.calibrate(layer(peer, rate), drawn(peer, rate), batches(peer))


@every_peer
def test_value_and_gradients_in_training_are_the_library_s(peer):
    ours = lambda p: layer(peer, DROPPED).apply(p, peer.x, key=KEY, training=True)
    theirs = lambda p: peer.train(p, peer.x, KEY, DROPPED)
    params = drawn(peer, DROPPED)
    assert_close(ours(params), theirs(params), peer.tolerance)
    of = lambda f: jax.grad(lambda p: fn.losses.squared_error(f(p), peer.y))(params)
    assert_close(jax.tree.leaves(of(ours)), jax.tree.leaves(of(theirs)), peer.tolerance)
    assert not jnp.allclose(
        ours(params), layer(peer, DROPPED).apply(params, peer.x, key=jax.random.key(1), training=True)
    )


@every_peer
def test_calibrated_values_are_those_of_training_with_all_examples_as_one_batch(peer):
    params = calibrated(peer)
    expected = peer.train(drawn(peer), peer.x, KEY, 0.0)
    assert_close(layer(peer).apply(params, peer.x), expected, peer.tolerance)
    assert_close(peer.evaluate(params, peer.x), expected, peer.tolerance)
    assert_close(params["params"], drawn(peer)["params"], 0.0)


@pytest.mark.slow
def test_an_equinox_batch_norm_that_trains_by_its_averages_is_measured_too(peers):
    peer = peers.of_equinox("ema")
    assert_close(layer(peer).apply(calibrated(peer), peer.x), peer.train(drawn(peer), peer.x, KEY, 0.0), peer.tolerance)


@every_peer
def test_statistics_are_measured_with_dropout_off(peer):
    assert_close(calibrated(peer, DROPPED)["statistics"], calibrated(peer)["statistics"], peer.tolerance)


@every_peer
def test_statistics_are_measured_inside_of_a_layer_of_ones_own(peer):
    apply = lambda params, x, *, key=None, training=False: layer(peer).apply(params, x, key=key, training=training)
    measured = fn.calibrate(fn.Layer(layer(peer).init, apply), drawn(peer), batches(peer))
    assert_close(measured["statistics"], calibrated(peer)["statistics"], 0.0)


@every_peer
def test_what_was_never_calibrated_warns(peer):
    with pytest.warns(UserWarning, match="batch_norm was never calibrated"):
        layer(peer).apply(drawn(peer), peer.x)
    layer(peer).apply(calibrated(peer), peer.x)


@every_peer
def test_fit_trains_as_a_loop_over_the_library_does(peer):
    optimizer = optax.sgd(0.1)  # Adam divides a gradient that is 0 in mathematics by its own rounding
    state = fn.TrainState.create(layer(peer), optimizer, KEY, params=drawn(peer))
    with pytest.warns(UserWarning, match="batch_norm was never calibrated"):
        state, _ = fn.fit(
            layer(peer), fn.losses.squared_error, optimizer, (peer.x, peer.y), epochs=3, state=state, progress=False
        )

    params, opt_state = drawn(peer), optimizer.init(drawn(peer))
    gradient = jax.jit(jax.grad(lambda p: fn.losses.squared_error(peer.train(p, peer.x, KEY, 0.0), peer.y)))
    for _ in range(3):
        updates, opt_state = optimizer.update(gradient(params), opt_state)
        params = optax.apply_updates(params, updates)
    assert_close(jax.tree.leaves(state.params), jax.tree.leaves(params), 1e-6)
    moved = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), params, drawn(peer))
    assert max(jax.tree.leaves(moved)) > 0.01


@pytest.mark.slow
def test_modules_without_statistics_have_the_library_s_parameters_alone(peers):
    x = peers.X.astype("float32")
    dense = peers.linen.Dense(2)
    assert_close(fn.interop.from_flax(dense).init(KEY, x), jax.jit(lambda key: dense.init(key, x)["params"])(KEY), 0.0)
    model = fn.serial(fn.interop.from_flax(peers.nnx.Linear(3, 2, rngs=peers.nnx.Rngs(0))), fn.tanh)
    assert model.apply(model.init(KEY, x), x).shape == (24, 2)
    made = peers.eqx.nn.MLP(3, 2, 4, 1, key=KEY)
    mlp = fn.interop.from_equinox(made)
    assert_close(mlp.apply(mlp.init(KEY, peers.X), peers.X), jax.vmap(made)(peers.X), 1e-13)
    f = lambda x: peers.hk.Linear(2)(x)
    linear = fn.interop.from_haiku(f)
    assert fn.calibrate(linear, linear.init(KEY, peers.X), [peers.X]).keys() == {"linear"}
    assert repr(fn.serial(model, mlp, linear)).count("from_") == 3


@pytest.mark.slow
def test_a_module_that_is_made_keeps_its_parameters(peers):
    net = peers.Nnx(rngs=peers.nnx.Rngs(3))
    params = fn.interop.from_flax(net).init(KEY, peers.X)
    assert_close(params["params"]["dense"]["kernel"], net.dense.kernel[...], 0.0)
    changed = jax.tree.map(lambda a: a + 1, params)
    again = fn.interop.to_flax(net, changed)
    assert_close(again.norm.mean[...], jnp.ones(4, again.norm.mean[...].dtype), 0.0)
    assert_close(params["params"]["dense"]["kernel"], net.dense.kernel[...], 0.0)
    pair = peers.eqx.nn.make_with_state(peers.Equinox)(key=KEY)
    model = fn.interop.from_equinox(pair)
    assert_close(model.init(KEY, peers.X)["params"].dense.weight, pair[0].dense.weight, 0.0)


DENSE = lambda p: p.eqx.nn.Linear(3, 2, key=KEY)
FOREIGN = {
    "linen": (lambda p: p.linen.Dense(2), "Dense of flax", "from_flax"),
    "nnx": (lambda p: p.nnx.Linear(3, 2, rngs=p.nnx.Rngs(0)), "Linear of flax", "from_flax"),
    "equinox": (DENSE, "Linear of equinox", "from_equinox"),
    "vmap": (lambda p: jax.vmap(DENSE(p)), "Linear of equinox", "from_equinox"),
    "jit of vmap": (lambda p: jax.jit(jax.vmap(DENSE(p))), "Linear of equinox", "from_equinox"),
    "filter_jit": (lambda p: p.eqx.filter_jit(DENSE(p)), "of equinox", "from_equinox"),
    "method": (lambda p: DENSE(p).__call__, "of equinox", "from_equinox"),
    "partial": (lambda p: jax.tree_util.Partial(DENSE(p), key=None), "Linear of equinox", "from_equinox"),
    "haiku": (lambda p: p.hk.transform(lambda x: x), "Transformed of haiku", "from_haiku"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_module_is_no_layer_without_parameters(name, peers):
    make, what, converter = FOREIGN[name]
    with pytest.raises(TypeError, match=f"{what}, whose parameters would not be learned: .*funcnn.interop.{converter}"):
        fn.serial(fn.tanh, make(peers))


def test_functions_that_equinox_wraps_are_layers(peers):
    for f in (
        peers.eqx.filter_jit(jnp.tanh),
        peers.eqx.nn.Lambda(jnp.tanh),
        jax.vmap(peers.eqx.nn.Lambda(jnp.tanh)),
        peers.eqx.nn.Identity(),
    ):
        assert fn.serial(f).apply(((),), peers.X).shape == peers.X.shape


BAD = [
    (lambda p: fn.interop.from_flax(3), TypeError, "module must be a module of Flax or a function to one, got int"),
    (lambda p: fn.interop.from_flax(lambda rngs: 3), TypeError, "must return a module of Flax, got ShapeDtypeStruct"),
    (lambda p: fn.interop.from_flax(p.Cached()).init(KEY, p.X), TypeError, r"Cached must have .* alone, got \['cache'\]"),
    (lambda p: fn.interop.from_equinox(3), TypeError, "must be one of Equinox or a function to one, got int"),
    (lambda p: fn.interop.from_equinox(lambda key: 3), TypeError, "must return a module of Equinox, got int"),
    (lambda p: fn.interop.from_equinox(p.WithIntegers), TypeError, "table is int64, which is not learned: pass a module"),
    (lambda p: fn.interop.from_haiku(p.hk.transform(lambda x: x)), TypeError, "Transformed: pass the function that was"),
    (lambda p: fn.interop.from_haiku(counting(p.hk)).init(KEY, p.X), ValueError,
     "must be hk.BatchNorm's, .* or stay as it is; a call sets ~.count$"),
    (lambda p: layer(p.PEERS["nnx"], DROPPED).apply(drawn(p.PEERS["nnx"], DROPPED), p.X, training=True), ValueError,
     "key must be given while training"),
]  # fmt: skip


def counting(hk):
    """A function with state that it sets, state that it only reads, and a batch norm's."""

    def f(x, is_training):
        hk.set_state("count", hk.get_state("count", (), init=jnp.zeros) + 1)
        return hk.BatchNorm(True, True, 0.9)(x, is_training) * hk.get_state("scale", (), init=jnp.ones)

    return f


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_a_bad_call_says_what_was_wrong(call, error, message, peers):
    with pytest.raises(error, match=message):
        call(peers)


def test_integers_of_a_module_that_is_made_stay(peers):
    model = fn.interop.from_equinox(peers.WithIntegers(key=KEY))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert model.apply(model.init(KEY, peers.X), peers.X).shape == peers.X.shape


def test_a_library_that_is_missing_is_named_with_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "haiku", None)
    with pytest.raises(ImportError, match=r"haiku is needed here, .*: pip install 'funcnn\[haiku\]'"):
        fn.interop.from_haiku(lambda x: x)
