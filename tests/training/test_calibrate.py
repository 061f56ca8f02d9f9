"""Calibrated statistics are those of all examples, however they are cut into batches and spread over devices.

A batch norm that was never calibrated, or cannot be, does not pass in silence.
"""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

import funcnn as fn
from tests.helpers.judge import assert_close

pytestmark = pytest.mark.slow

KEY = jax.random.key(0)
X = jnp.asarray(np.random.default_rng(0).normal(size=(40, 3)) * 3 + 2)
BATCHES = [X[:1], X[1:8], X[8 : 8 + 17], X[25:]]


def block(features, axis_name=None):
    return fn.serial(fn.linear(features), fn.batch_norm(axis_name=axis_name), fn.tanh)


def deep(axis_name=None):
    """Batch norms after one another, under every combinator."""
    b = lambda n: block(n, axis_name)
    return fn.serial(
        body=fn.serial(b(5), fn.residual(b(5))),
        many=fn.repeat(fn.residual(b(5)), 3),
        sides=fn.parallel(left=b(4), right=fn.linear(2)),
        head=fn.branches(left=b(2), right=fn.tanh),
        both=lambda y: jnp.concatenate([y["left"], y["right"]], axis=-1),
        again=fn.remat(fn.mixed(b(4), float)),
        tied=fn.shared(lambda f: fn.serial(f, fn.batch_norm(axis_name=axis_name), f), fn.linear(4)),
    )


MODEL = deep()


@cache  # not when the file is imported, which every worker does
def drawn():
    """The model's parameters, none at its default initial value."""
    rng = np.random.default_rng(1)
    return jax.tree.map(lambda a: a + rng.uniform(0, 1, size=a.shape), MODEL.init(KEY, X))


@cache
def whole():
    """These, calibrated on all examples as one batch."""
    return fn.calibrate(MODEL, drawn(), [X])


def test_one_batch_norm_has_the_mean_and_the_biased_variance_of_all_examples():
    layer = fn.batch_norm()
    params = fn.calibrate(layer, layer.init(KEY, X), BATCHES)
    assert_close((params["mean"], params["variance"]), (X.mean(0), X.var(0)), 1e-14)
    assert_close((params["scale"], params["shift"]), (jnp.ones(3), jnp.zeros(3)), 0.0)


def test_the_value_is_that_of_training_with_all_examples_as_one_batch():
    expected = MODEL.apply(drawn(), X, training=True)
    assert_close(MODEL.apply(whole(), X), expected, 1e-12)
    assert float(jnp.abs(MODEL.apply(drawn(), X) - expected).max()) > 0.1


@pytest.mark.parametrize("batches", [BATCHES, BATCHES[::-1], list(X[:, None]), iter(BATCHES)])
def test_it_does_not_matter_how_the_examples_are_cut_into_batches(batches):
    assert_close(fn.calibrate(MODEL, drawn(), batches), whole(), 1e-12)


def test_single_precision_far_from_zero():
    far = [b.astype(jnp.float32) + 1000 for b in BATCHES]
    layer = fn.batch_norm()
    params = fn.calibrate(layer, layer.init(KEY, far[0]), far)
    exact = jnp.concatenate(far).astype(float)
    assert_close(params["mean"].astype(float), exact.mean(0), 1e-6)
    assert_close(params["variance"].astype(float), exact.var(0), 1e-5)


def test_what_is_learned_stays():
    learned = lambda params: [
        leaf for path, leaf in jax.tree_util.tree_leaves_with_path(params) if path[-1].key not in {"mean", "variance"}
    ]
    assert_close(learned(whole()), learned(drawn()), 0.0)
    plain = fn.serial(fn.linear(2), fn.tanh)
    params = plain.init(KEY, X)
    assert_close(fn.calibrate(plain, params, BATCHES), params, 0.0)
    assert fn.calibrate(fn.tanh, (), BATCHES) == ()


def test_under_jit():
    assert_close(
        jax.jit(lambda params, batches: fn.calibrate(MODEL, params, batches))(drawn(), BATCHES), whole(), 1e-12
    )


def test_under_vmap():
    model = deep("examples")
    batches = [X[:8].reshape(4, 2, 3), X[8:].reshape(4, 8, 3)]
    given = drawn()  # before anything is traced
    calibrate = lambda batches: fn.calibrate(model, given, batches)
    params = jax.jit(jax.vmap(calibrate, axis_name="examples"))(batches)
    for i in range(4):
        assert_close(jax.tree.map(lambda a, i=i: a[i], params), whole(), 1e-12)
    models = jax.jit(jax.vmap(lambda params: fn.calibrate(MODEL, params, BATCHES)))(
        jax.tree.map(lambda a: jnp.stack([a, a]), drawn())
    )
    assert_close(jax.tree.map(lambda a: a[1], models), whole(), 1e-12)


def test_on_eight_devices():
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
    model, batches = deep("data"), [X[:8], X[8:]]
    calibrate = lambda params, batches: fn.calibrate(model, params, batches)
    calibrate = jax.shard_map(calibrate, mesh=mesh, in_specs=(P(), P("data")), out_specs=P())
    assert_close(jax.jit(calibrate)(drawn(), batches), whole(), 1e-12)

    spread = jax.device_put(batches, NamedSharding(mesh, P("data")))
    assert_close(jax.device_get(fn.calibrate(MODEL, drawn(), spread)), jax.device_get(whole()), 1e-12)


def test_a_trained_model_keeps_its_accuracy_outside_of_training():
    y = jnp.sin(X.sum(-1, keepdims=True))
    model = fn.serial(block(16), block(16), fn.linear(1))
    with pytest.warns(UserWarning, match=r"^layer 0\.1, 1\.1: batch_norm was never calibrated, .* funcnn\.calibrate\("):
        state, history = fn.fit(
            model, fn.losses.squared_error, optax.sgd(0.1), (X, y), epochs=300, key=KEY, batch_size=20, progress=False
        )
    loss = jax.jit(lambda params: fn.losses.squared_error(model.apply(params, X), y))
    calibrated = fn.calibrate(model, state.params, BATCHES)
    assert float(loss(calibrated)) < 2 * history["loss"][-1] < float(loss(state.params)) / 2


FIRST = fn.batch_norm()
BLOCKS = fn.serial(fn.residual(block(3)), fn.parallel(fn.linear(1), block(2)), jnp.hstack)


def own(wrap=lambda f: f):
    """A layer of one's own, without a calibrate, that applies batch norms."""

    def init(key, x):
        return {"blocks": [BLOCKS.init(key, x)], "first": FIRST.init(key, x)}

    def apply(params, x, *, key=None, training=False):
        def f(params, x):
            x = FIRST.apply(params["first"], x, training=training)
            return BLOCKS.apply(params["blocks"][0], x, training=training)

        return wrap(f)(params, x)

    return fn.Layer(init, apply)


def test_batch_norms_inside_of_a_layer_of_ones_own_are_measured():
    layer = fn.serial(block(3), fn.repeat(own(), 2), fn.batch_norm())
    rng = np.random.default_rng(2)
    params = jax.tree.map(lambda a: a + rng.uniform(0, 1, size=a.shape), layer.init(KEY, X))
    expected = layer.apply(params, X, training=True)
    calibrated = jax.jit(lambda params: fn.calibrate(layer, params, BATCHES))(params)
    assert_close(layer.apply(calibrated, X), expected, 1e-12)


def test_a_batch_norm_that_is_applied_twice_measures_all_that_reaches_it():
    def apply(params, x, *, key=None, training=False):
        return FIRST.apply(params, x, training=training) + FIRST.apply(params, 2 * x, training=training)

    params = fn.calibrate(fn.Layer(FIRST.init, apply), FIRST.init(KEY, X), BATCHES)
    both = jnp.concatenate([X, 2 * X])
    assert_close((params["mean"], params["variance"]), (both.mean(0), both.var(0)), 1e-13)


OUT_OF_REACH = {
    "jit": jax.jit,
    "jit of the input alone": lambda f: lambda params, x: jax.jit(lambda x: f(params, x))(x),
    "remat": jax.checkpoint,
    "vmap": lambda f: lambda params, x: jax.vmap(f, (None, 0))(params, x[:, None])[:, 0],
    "scan": lambda f: lambda params, x: jax.lax.scan(lambda x, _: (f(params, x), None), x, length=2)[0],
    "other parameters": lambda f: lambda params, x: f(jax.tree.map(lambda a: 1.0 * a, params), x),
    "not applied": lambda f: lambda params, x: x,
}


@pytest.mark.parametrize("name", OUT_OF_REACH)
def test_a_batch_norm_that_cannot_be_measured_is_refused_by_its_path(name):
    model = fn.serial(fn.tanh, own(OUT_OF_REACH[name]))
    params = model.init(KEY, X)
    with pytest.raises(
        ValueError, match=r"^layer 1: calibrate: the batch norm at blocks\.0\.0\.1, .*, first was not met:"
    ):
        fn.calibrate(model, params, [X])


def test_a_batch_norm_that_was_never_calibrated_warns_by_its_path():
    model = fn.serial(body=fn.serial(fn.linear(3), fn.batch_norm()), own=own())
    params = fn.calibrate(model, model.init(KEY, X), [X])
    start = {name: model.init(KEY, X)["body"][1][name] for name in ("mean", "variance")}
    for statistics in (start, start | {"variance": 0.3 * start["variance"]}):  # and what weight decay leaves of them
        never = params | {"body": (params["body"][0], params["body"][1] | statistics)}
        for apply in (model.apply, jax.jit(lambda params, x, never=never: model.apply(never, x))):
            with pytest.warns(UserWarning, match=r"^layer body\.1: batch_norm was never calibrated") as caught:
                apply(never, X)
            assert len(caught) == 1
        model.apply(never, X, training=True)
    with pytest.warns(UserWarning, match=r"^batch_norm was never calibrated"):
        FIRST.apply(FIRST.init(KEY, X), X)


def test_the_end_of_training_warns_of_batch_norms_alone():
    def fit(model, state):
        loss = lambda y: jnp.mean(y**2)
        return fn.fit(model, loss, optax.sgd(0.1), (X,), epochs=1, state=state, progress=False)

    of_ones_own = fn.Layer(  # learned, and at first as a batch norm's statistics are
        lambda key, x: {"mean": jnp.zeros((1, 3)), "variance": jnp.ones((1, 3))},
        lambda params, x, *, key=None, training=False: (x - params["mean"]) * params["variance"],
    )
    model = fn.serial(of_ones_own, fn.batch_norm())
    state = fn.TrainState.create(model, optax.sgd(0.1), KEY, X)
    with pytest.warns(UserWarning, match=r"^layer 1: batch_norm was never calibrated") as caught:
        state, _ = fit(model, state)
    assert len(caught) == 1
    fit(model, state._replace(params=fn.calibrate(model, state.params, [X])))


def test_a_shared_batch_norm_is_measured_over_all_places():
    sides = lambda f: fn.serial(lambda x: (x, 2 * x + 1), fn.branches(f, f), lambda y: y[0] + y[1], fn.batch_norm())
    model = fn.shared(sides, fn.batch_norm())
    params = fn.calibrate(model, model.init(KEY, X), BATCHES)
    both = jnp.concatenate([X, 2 * X + 1])
    assert_close((params["shared"]["mean"], params["shared"]["variance"]), (both.mean(0), both.var(0)), 1e-13)
    y = model.apply(params, X)  # after the first batch norm's final statistics, not those under way
    assert_close((y.mean(0), y.var(0)), (jnp.zeros(3), jnp.ones(3)), 1e-4)


def test_mixed_measures_in_half_precision_and_keeps_what_is_learned():
    x = X.astype("float32")
    model = fn.serial(fn.linear(5), fn.batch_norm())
    params = model.init(KEY, x)
    half = lambda tree: jax.tree.map(lambda a: a.astype("bfloat16"), tree)
    measured = fn.calibrate(fn.mixed(model), params, [x[:10], x[10:]])
    expected = fn.calibrate(model, half(params), [half(x[:10]), half(x[10:])])
    assert_close(half(measured), expected, 0.0)
    assert_close(measured[0], params[0], 0.0)
    assert not jnp.array_equal(measured[0]["w"], half(params[0]["w"]).astype("float32"))
    assert float(jnp.abs(measured[1]["mean"]).min()) > 0


BAD = [
    (lambda: fn.calibrate(MODEL, drawn(), X), TypeError,
     r"batches must be several inputs, got one array, float64\[40, 3\]"),
    (lambda: fn.calibrate(MODEL, drawn(), []), ValueError, "batches must not be empty, got none"),
    (lambda: fn.calibrate(MODEL, drawn(), [X[:0]]), ValueError, "layer body.0.1: batch_statistics: batches must have entr"),
    (lambda: fn.calibrate(3, drawn(), [X]), TypeError, "a layer must be a Layer or a function"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_a_bad_call_says_what_was_wrong(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_nothing_side_by_side_has_a_value_for_each_batch():
    assert fn.parallel().calibrate((), [jnp.ones(2), jnp.ones(3)]) == ((), [(), ()])
