"""Modules of Flax, Equinox and Haiku as layers: their libraries' own values, gradients and statistics, to rounding."""

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import funcnn as fn
from tests.helpers.judge import assert_close

eqx = pytest.importorskip("equinox")
hk = pytest.importorskip("haiku")
linen = pytest.importorskip("flax.linen")
nnx = pytest.importorskip("flax.nnx")

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
X = jnp.asarray(RNG.normal(size=(24, 3)) * 3 + 2)
Y = jnp.sin(X.sum(-1, keepdims=True))
BATCHES = [X[:1], X[1:9], X[9:]]
DROPPED = 0.5


@pytest.fixture(autouse=True)
def _promoting():
    """These libraries rely on implicit promotion."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


class Linen(linen.Module):
    rate: float = 0.0

    @linen.compact
    def __call__(self, x, train):
        x = linen.Dense(4, param_dtype=float)(x)
        x = linen.Dropout(self.rate, deterministic=not train)(x)
        x = linen.BatchNorm(use_running_average=not train, param_dtype=float)(x)
        return linen.Dense(1, param_dtype=float)(jnp.tanh(x))


class Nnx(nnx.Module):
    def __init__(self, rate=0.0, *, rngs):
        self.dense = nnx.Linear(3, 4, rngs=rngs)
        self.dropout = nnx.Dropout(rate, rngs=rngs)
        self.norm = nnx.BatchNorm(4, rngs=rngs)
        self.head = nnx.List([nnx.Linear(4, 1, rngs=rngs)])

    def __call__(self, x):
        return self.head[0](jnp.tanh(self.norm(self.dropout(self.dense(x)))))


class Equinox(eqx.Module):
    dense: Any
    dropout: Any
    norm: Any
    head: Any
    activation: Callable

    def __init__(self, rate=0.0, mode="batch", *, key):
        keys = jax.random.split(key)
        self.dense = eqx.nn.Linear(3, 4, key=keys[0])
        self.dropout = eqx.nn.Dropout(rate)
        self.norm = eqx.nn.BatchNorm(4, "batch", mode=mode)
        self.head = eqx.nn.Linear(4, 1, key=keys[1])
        self.activation = lambda x: jnp.tanh(x)  # another function in each module

    def __call__(self, x, state, key=None):
        x, state = self.norm(self.dropout(self.dense(x), key=key), state)
        return self.head(self.activation(x)), state


def haiku(rate=0.0):
    def f(x, is_training):
        x = hk.Linear(4)(x)
        if is_training and rate:
            x = hk.dropout(hk.next_rng_key(), rate, x)
        x = hk.BatchNorm(True, True, 0.9)(x, is_training)
        return hk.Linear(1)(jnp.tanh(x))

    return f


class Peer(NamedTuple):
    """A module of another library, and what that library does with the parameters of the layer made of it.

    Attributes:
      make: from the rate of dropout, the layer.
      train: ``train(params, x, key, rate) -> y``, in training.
      evaluate: ``evaluate(params, x) -> y``.
      dtype: in which it is compared.
      tolerance: of its sums in another order.
    """

    make: Callable
    train: Callable
    evaluate: Callable
    dtype: Any = float
    tolerance: float = 1e-12

    @property
    def x(self):
        return X.astype(self.dtype)

    @property
    def y(self):
        return Y.astype(self.dtype)


def of_equinox(mode):
    make = lambda rate: lambda key: eqx.nn.make_with_state(Equinox)(rate, mode, key=key)

    def train(params, x, key, rate):
        net, state = fn.interop.to_equinox(make(rate), params)
        over = jax.vmap(lambda x, key: net(x, state, key=key), out_axes=(0, None), axis_name="batch")
        return over(x, jax.random.split(key, len(x)))[0]

    def evaluate(params, x):
        net, state = fn.interop.to_equinox(make(0.0), params)
        return jax.vmap(lambda x: eqx.nn.inference_mode(net)(x, state)[0], axis_name="batch")(x)

    return Peer(lambda rate: fn.interop.from_equinox(make(rate)), train, evaluate)


def of_linen():
    def train(params, x, key, rate):
        variables = fn.interop.to_flax(Linen(rate), params)
        return Linen(rate).apply(variables, x, True, rngs=key, mutable=["batch_stats"])[0]

    evaluate = lambda params, x: Linen().apply(fn.interop.to_flax(Linen(), params), x, False)
    return Peer(lambda rate: fn.interop.from_flax(Linen(rate)), train, evaluate)


def of_nnx():
    def net(params, rate, key=KEY):
        net = fn.interop.to_flax(lambda rngs: Nnx(rate, rngs=rngs), params)
        net.dropout.rngs.key.set_value(jax.random.fold_in(key, 1))  # its count is the first of the random state
        return net

    def evaluate(params, x):
        module = net(params, 0.0)
        module.eval()
        return module(x)

    train = lambda params, x, key, rate: net(params, rate, key)(x)
    make = lambda rate: fn.interop.from_flax(lambda rngs: Nnx(rate, rngs=rngs))
    return Peer(make, train, evaluate, jnp.float32, 1e-6)  # its statistics are float32 always


def of_haiku():
    def own(params, x, rate, *args):
        variables = fn.interop.to_haiku(haiku(rate), params, x)
        return hk.transform_with_state(haiku(rate)).apply(*variables, *args)[0]

    train = lambda params, x, key, rate: own(params, x, rate, key, x, True)
    evaluate = lambda params, x: own(params, x, 0.0, None, x, False)
    return Peer(lambda rate: fn.interop.from_haiku(haiku(rate)), train, evaluate)


PEERS = {"linen": of_linen(), "nnx": of_nnx(), "equinox": of_equinox("batch"), "haiku": of_haiku()}


def every_peer(test):
    """A test of each library's module: compiling takes seconds."""
    return pytest.mark.slow(pytest.mark.parametrize("peer", PEERS.values(), ids=PEERS)(test))


@cache
def layer(peer, rate=0.0):
    return peer.make(rate)


@cache
def drawn(peer, rate=0.0):
    return layer(peer, rate).init(KEY, jax.eval_shape(lambda: peer.x))


def batches(peer):
    return [batch.astype(peer.dtype) for batch in BATCHES]


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


def test_an_equinox_batch_norm_that_trains_by_its_averages_is_measured_too():
    peer = of_equinox("ema")
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


def test_modules_without_statistics_have_the_library_s_parameters_alone():
    x = X.astype("float32")
    dense = linen.Dense(2)
    assert_close(fn.interop.from_flax(dense).init(KEY, x), jax.jit(lambda key: dense.init(key, x)["params"])(KEY), 0.0)
    model = fn.serial(fn.interop.from_flax(nnx.Linear(3, 2, rngs=nnx.Rngs(0))), fn.tanh)
    assert model.apply(model.init(KEY, x), x).shape == (24, 2)
    made = eqx.nn.MLP(3, 2, 4, 1, key=KEY)
    mlp = fn.interop.from_equinox(made)
    assert_close(mlp.apply(mlp.init(KEY, X), X), jax.vmap(made)(X), 1e-13)
    f = lambda x: hk.Linear(2)(x)
    linear = fn.interop.from_haiku(f)
    assert fn.calibrate(linear, linear.init(KEY, X), BATCHES).keys() == {"linear"}
    assert repr(fn.serial(model, mlp, linear)).count("from_") == 3


def test_a_module_that_is_made_keeps_its_parameters():
    net = Nnx(rngs=nnx.Rngs(3))
    params = fn.interop.from_flax(net).init(KEY, X)
    assert_close(params["params"]["dense"]["kernel"], net.dense.kernel[...], 0.0)
    changed = jax.tree.map(lambda a: a + 1, params)
    again = fn.interop.to_flax(net, changed)
    assert_close(again.norm.mean[...], jnp.ones(4, again.norm.mean[...].dtype), 0.0)
    assert_close(params["params"]["dense"]["kernel"], net.dense.kernel[...], 0.0)
    pair = eqx.nn.make_with_state(Equinox)(key=KEY)
    model = fn.interop.from_equinox(pair)
    assert_close(model.init(KEY, X)["params"].dense.weight, pair[0].dense.weight, 0.0)


DENSE = eqx.nn.Linear(3, 2, key=KEY)
FOREIGN = {
    "linen": (lambda: linen.Dense(2), "Dense of flax", "from_flax"),
    "nnx": (lambda: nnx.Linear(3, 2, rngs=nnx.Rngs(0)), "Linear of flax", "from_flax"),
    "equinox": (lambda: DENSE, "Linear of equinox", "from_equinox"),
    "vmap": (lambda: jax.vmap(DENSE), "Linear of equinox", "from_equinox"),
    "jit of vmap": (lambda: jax.jit(jax.vmap(DENSE)), "Linear of equinox", "from_equinox"),
    "filter_jit": (lambda: eqx.filter_jit(DENSE), "of equinox", "from_equinox"),
    "method": (lambda: DENSE.__call__, "of equinox", "from_equinox"),
    "partial": (lambda: jax.tree_util.Partial(DENSE, key=None), "Linear of equinox", "from_equinox"),
    "haiku": (lambda: hk.transform(lambda x: x), "Transformed of haiku", "from_haiku"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_module_is_no_layer_without_parameters(name):
    make, what, converter = FOREIGN[name]
    with pytest.raises(TypeError, match=f"{what}, whose parameters would not be learned: .*funcnn.interop.{converter}"):
        fn.serial(fn.tanh, make())


def test_functions_that_equinox_wraps_are_layers():
    for f in (eqx.filter_jit(jnp.tanh), eqx.nn.Lambda(jnp.tanh), jax.vmap(eqx.nn.Lambda(jnp.tanh)), eqx.nn.Identity()):
        assert fn.serial(f).apply(((),), X).shape == X.shape


class Cached(linen.Module):
    @linen.compact
    def __call__(self, x):
        self.variable("cache", "last", lambda: x)
        return x


class WithIntegers(eqx.Module):
    table: Any

    def __init__(self, *, key):
        self.table = jnp.arange(3)

    def __call__(self, x):
        return x[self.table]


BAD = [
    (lambda: fn.interop.from_flax(3), TypeError, "module must be a module of Flax or a function to one, got int"),
    (lambda: fn.interop.from_flax(lambda rngs: 3), TypeError, "must return a module of Flax, got ShapeDtypeStruct"),
    (lambda: fn.interop.from_flax(Cached()).init(KEY, X), TypeError, r"Cached must have .* alone, got \['cache'\]"),
    (lambda: fn.interop.from_equinox(3), TypeError, "must be one of Equinox or a function to one, got int"),
    (lambda: fn.interop.from_equinox(lambda key: 3), TypeError, "must return a module of Equinox, got int"),
    (lambda: fn.interop.from_equinox(WithIntegers), TypeError, "table is int64, which is not learned: pass a module"),
    (lambda: fn.interop.from_haiku(hk.transform(lambda x: x)), TypeError, "got Transformed: pass the function that was"),
    (lambda: layer(PEERS["nnx"], DROPPED).apply(drawn(PEERS["nnx"], DROPPED), X, training=True), ValueError,
     "key must be given while training"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_a_bad_call_says_what_was_wrong(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_integers_of_a_module_that_is_made_stay():
    model = fn.interop.from_equinox(WithIntegers(key=KEY))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert model.apply(model.init(KEY, X), X).shape == X.shape


def test_a_library_that_is_missing_is_named_with_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "haiku", None)
    with pytest.raises(ImportError, match=r"haiku is needed here, .*: pip install 'funcnn\[haiku\]'"):
        fn.interop.from_haiku(lambda x: x)
