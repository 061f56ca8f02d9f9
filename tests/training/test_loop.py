"""What fit does around the steps: rows of the history, validation, metrics, watchers, and where it ends."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import funcnn as fn
from tests.helpers.judge import assert_close

RNG = np.random.default_rng(0)
X = jnp.asarray(RNG.normal(size=(10, 3)), jnp.float32)
Y = jnp.asarray(RNG.normal(size=(10, 2)), jnp.float32)
MODEL, SGD, KEY = fn.linear(2), optax.sgd(0.1), jax.random.key(0)
LOSS = fn.losses.squared_error


def error(prediction, y):
    return jnp.sum(jnp.abs(prediction - y)), y.size


METRICS = {"error": error}


def fit(model=MODEL, loss=LOSS, optimizer=SGD, data=(X, Y), **options):
    given = {"key": KEY, "progress": False, "batch_size": 4, "metrics": METRICS}
    return fn.fit(model, loss, optimizer, data, **(given | options))


def test_so_many_steps_are_those_of_the_epochs():
    by_epochs, history = fit(epochs=2)
    by_steps, same = fit(steps=6)
    assert_close(by_steps, by_epochs, 0.0)
    assert same["loss"].tolist() == history["loss"].tolist()
    some, rows = fit(steps=5)
    assert (int(some.step), *map(int, some.position)) == (5, 1, 2)
    assert rows["step"].tolist() == [3, 5]  # the second row is of two steps
    assert rows["epoch"].tolist() == [1, 1]
    assert rows["loss"][0] == history["loss"][0]


def test_a_row_is_as_many_steps_as_asked_for():
    whole, epochs = fit(epochs=4)
    state, history = fit(epochs=4, validation=(X, Y), validate_every=5)
    assert_close(state, whole, 0.0)
    assert history["step"].tolist() == [5, 10, 12]
    assert history["epoch"].tolist() == [1, 3, 4]
    weights = [18, 16, 6]  # of 4, 4, 2, 4, 4 | 2, 4, 4, 2, 4 | 4, 2 examples
    assert (history["loss"] @ weights) / 40 == pytest.approx(epochs["loss"].mean(), rel=1e-6)
    assert history["val_loss"].shape == history["val_error"].shape == (3,)


def test_validation_measures_what_the_model_is_then():
    state, history = fit(epochs=3, validation=(X[:7], Y[:7]))
    prediction = MODEL.apply(state.params, X[:7])
    assert history["val_loss"][-1] == pytest.approx(float(LOSS(prediction, Y[:7])), rel=1e-6)
    assert history["val_error"][-1] == pytest.approx(float(jnp.abs(prediction - Y[:7]).mean()), rel=1e-6)
    batches = lambda: [(X[:4], Y[:4]), (X[4:7], Y[4:7])]
    again, same = fit(epochs=3, validation=batches)
    assert_close(again, state, 0.0)
    assert same["val_loss"] == pytest.approx(history["val_loss"], rel=1e-6)


@pytest.mark.slow
def test_validation_is_without_noise_and_with_measured_statistics():
    model = fn.serial(fn.linear(4), fn.batch_norm(), fn.tanh, fn.dropout(0.5), fn.linear(2))
    with jax.numpy_dtype_promotion("standard"):
        state, history = fit(model, epochs=2, validation=(X, Y))
    expected = LOSS(model.apply(state.params, X), Y)  # a batch norm that was not measured would warn
    assert history["val_loss"][-1] == pytest.approx(float(expected), rel=1e-6)
    assert_close(state.params, fn.calibrate(model, state.params, [X]), 1e-6)


@pytest.mark.slow
def test_a_loss_may_take_the_parameters_and_measure_more():
    def loss(prediction, y, params):
        penalty = 0.5 * sum(jnp.sum(a**2) for a in jax.tree.leaves(params))
        return LOSS(prediction, y) + 0.1 * penalty, {"penalty": penalty}

    decayed = optax.chain(optax.add_decayed_weights(0.1), SGD)
    expected, _ = fit(optimizer=decayed, epochs=3)
    state, history = fit(loss=loss, epochs=3, validation=(X, Y))
    assert_close(state.params, expected.params, 1e-6)
    penalty = 0.5 * sum(float(jnp.sum(a**2)) for a in jax.tree.leaves(state.params))
    assert history["val_penalty"][-1] == pytest.approx(penalty, rel=1e-6)
    assert history["penalty"].shape == (3,)
    _, metrics = fn.make_step(MODEL, loss, SGD)(fn.TrainState.create(MODEL, SGD, KEY, X), (X, Y))
    assert sorted(metrics) == ["loss", "penalty"]


def test_a_watcher_sees_every_row_and_may_end_training():
    seen = []

    def watch(moment):
        seen.extend(moment.values["epoch"].tolist())
        return len(seen) == 2

    state, history = fit(epochs=100, watch=[watch])
    assert seen == [1, 2]
    assert len(history["loss"]) == int(state.position.epoch) == 2


class Ended:
    """A watcher of the end, which makes the state's key another."""

    def __init__(self):
        self.errors = []

    def __call__(self, moment):
        if moment.rows and self.fails:
            raise OSError("full")

    def result(self, state):
        return state._replace(key=jax.random.key(1))

    def close(self, error):
        self.errors.append(error)


@pytest.mark.parametrize("fails", [False, True])
def test_a_watcher_hears_of_the_end(fails):
    ended = Ended()
    ended.fails = fails
    if fails:
        with pytest.raises(OSError, match="full") as caught:
            fit(epochs=3, watch=ended)
        assert int(caught.value.state.position.epoch) == 1
        assert len(caught.value.history["loss"]) == 1
        assert ended.errors == [caught.value]
    else:
        state, _ = fit(epochs=3, watch=[ended])
        assert ended.errors == [None]
        assert (jax.random.key_data(state.key) == jax.random.key_data(jax.random.key(1))).all()


class Failing(Ended):
    """A watcher that fails in one of its functions."""

    fails = False

    def __init__(self, at):
        super().__init__()
        self.at = at

    def result(self, state):
        return super().result(state) if self.at == "close" else state.params

    def close(self, error):
        super().close(error)
        if self.at == "close":
            raise OSError("full")


@pytest.mark.parametrize(
    ("at", "error", "message"),
    [
        ("close", OSError, "full\nThis was watcher Failing, told of the end"),
        ("result", TypeError, "must return a TrainState, got dict\nThis was watcher Failing, asked for its result"),
    ],
)
def test_nothing_is_lost_where_a_watcher_fails_at_the_end(at, error, message):
    watchers = Ended(), Failing(at), Ended()
    watchers[0].fails = watchers[2].fails = False
    with pytest.raises(error, match=message) as caught:
        fit(epochs=2, watch=watchers)
    assert int(caught.value.state.position.epoch) == len(caught.value.history["loss"]) == 2
    assert [watch.errors for watch in watchers] == 3 * [[None if at == "close" else caught.value]]


def fails(*_):
    raise KeyError("mine")


def fails_on_three(prediction, y):
    return fails() if len(y) == 3 else error(prediction, y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"watch": [fails]}, "mine'\nThis was watcher fails, shown step 0"),
        ({"watch": [fn.log_jsonl(".")]}, "Is a directory.*\nThis was watcher log_jsonl, shown step 0"),
        ({"metrics": {"error": error, "mine": fails}}, "mine'\n(.*\n)*This was metric 'mine'"),
        ({"metrics": {"mine": fn.metrics.auc}}, "call it, as in auc\\(\\)\nThis was metric 'mine'"),
        (
            {"metrics": {"mine": lambda p, y: p.mean()}},
            "metrics do not\n(.*\n)*This was metric 'mine'",
        ),
        (
            {"metrics": {"mine": fails_on_three}, "validation": (X[:7], Y[:7])},
            "This was metric 'mine'.\n(.*\n)*This was batch 1 of validation, counted from 0",
        ),
    ],
)
def test_an_error_names_the_metric_the_watcher_and_the_batch(options, message):
    with pytest.raises((KeyError, TypeError, OSError), match=message):
        fit(epochs=1, **options)


@pytest.mark.slow
def test_the_history_shows_the_learning_rate_and_the_gradient():
    rate = optax.linear_schedule(0.4, 0.0, 4)
    with jax.numpy_dtype_promotion("standard"):
        _, history = fit(optimizer=optax.inject_hyperparams(optax.sgd)(rate), batch_size=None, epochs=4, probes=True)
    assert history["learning_rate"] == pytest.approx([0.4, 0.3, 0.2, 0.1], rel=1e-6)
    params = fn.TrainState.create(MODEL, SGD, KEY, X).params
    gradient = jax.grad(lambda params: LOSS(MODEL.apply(params, X), Y))(params)
    assert history["gradient_norm"][0] == pytest.approx(float(optax.tree.norm(gradient)), rel=1e-6)
    assert (np.diff(history["seconds"]) >= 0).all()
    assert (history["examples_per_second"] > 0).all()


def test_mixed_computes_in_another_dtype_and_compiles_once():
    losses = []

    def loss(prediction, y):
        losses.append(prediction.dtype)
        return LOSS(prediction, y)

    state, history = fit(loss=loss, epochs=1, mixed=jnp.bfloat16)
    traces = len(losses)
    _, same = fit(loss=loss, epochs=1, mixed=jnp.bfloat16)
    assert len(losses) == traces + 1  # on shapes
    expected, _ = fit(fn.mixed(MODEL, jnp.bfloat16), epochs=1)
    assert_close(state.params, expected.params, 0.0)
    assert (history["loss"] == same["loss"]).all()
    assert not (state.params["w"] == fit(epochs=1)[0].params["w"]).all()


@pytest.mark.slow
def test_an_update_that_is_not_finite_can_be_skipped():
    poison = lambda prediction, y: LOSS(prediction, y) / jnp.where(y[0, 0] == Y[0, 0], jnp.float32(0), 1)
    with pytest.raises(fn.NonFiniteError):
        fit(loss=poison, epochs=2)
    state, _ = fit(loss=poison, epochs=2, on_nonfinite="skip", metrics=None)
    assert np.isfinite(state.params["w"]).all()
    assert 0 < int(state.opt_state.total_notfinite) < 6


BAD = [
    ({"epochs": None}, TypeError, "fit takes either epochs or steps, got epochs=None and steps=None"),
    ({"steps": 3}, TypeError, "fit takes either epochs or steps, got epochs=1 and steps=3"),
    ({"steps": -1, "epochs": None}, ValueError, "steps must be at least 0, got -1"),
    ({"validate_every": 0}, ValueError, "validate_every must be at least 1, got 0"),
    (
        {"validation": (X, Y[:9])},
        ValueError,
        r"validation\[1\] must have as many examples as validation\[0\], 10, got 9",
    ),
    (
        {"validation": (X[:, :2], Y)},
        ValueError,
        r"(got float32\[4, 2\]|3, 2)(.*\n)*This was batch 0 of validation, counted from 0",
    ),
    ({"validation": 3}, TypeError, r"validation must be a tuple \(inputs, \*targets\), got int"),
    ({"watch": 3}, TypeError, "watch must be functions of a moment, got int"),
    ({"watch": [3]}, TypeError, r"watch\[0\] must be a function of a moment, got int"),
    ({"metrics": [error]}, TypeError, r"metrics must be a dict such as .* got list"),
    ({"metrics": {"loss": error}}, ValueError, "metrics must have names that the history has not, got 'loss'"),
    ({"metrics": {"error": 3}}, TypeError, r"a metric must be a Metric or a function to \(sum, weight\), got int"),
    ({"mixed": int}, TypeError, "mixed: dtype must be floating"),
    ({"mixed": "bf"}, TypeError, "mixed: dtype must be floating, got 'bf'"),
    ({"on_nonfinite": "ignore"}, ValueError, 'on_nonfinite must be "raise" or "skip", got \'ignore\''),
    ({"loss": lambda p, y: (jnp.mean(p), 3)}, TypeError, "a scalar and a dict of scalars, got 3 beside it"),
    ({"loss": lambda p, y: (jnp.mean(p), {"p": p})}, ValueError, "the loss's p must return a scalar, got"),
    ({"loss": lambda p, y: (jnp.mean(p), {"error": jnp.mean(p)})}, ValueError, "loss must not return another error"),
]


@pytest.mark.parametrize(("options", "error", "message"), BAD)
def test_what_does_not_fit_is_refused_before_the_first_step(options, error, message):
    with pytest.raises(error, match=message):
        fit(**({"epochs": 1} | options))
