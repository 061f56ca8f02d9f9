"""evaluate measures every example once, as validation does, however they are cut into batches."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score

import funcnn as fn

RNG = np.random.default_rng(0)
X, LABELS = RNG.normal(size=(10, 3)).astype("float32"), RNG.integers(0, 3, 10)
MODEL, LOSS = fn.linear(3), fn.losses.softmax_cross_entropy
STATE = fn.TrainState.create(MODEL, optax.sgd(0.1), jax.random.key(0), X)
METRICS = {"accuracy": fn.metrics.accuracy, "confusion": fn.metrics.confusion_matrix(3)}
PREDICTION = MODEL.apply(STATE.params, X)
EXPECTED = float(LOSS(PREDICTION, jnp.asarray(LABELS)))


def evaluate(data=(X, LABELS), model=MODEL, loss=LOSS, params=STATE, **options):
    return fn.evaluate(model, params, loss, data, **({"metrics": METRICS} | options))


DATA = {
    "all": ((X, LABELS), None),
    "batches of 4": ((X, LABELS), 4),
    "batches of 64": ((X, LABELS), 64),
    "iterator": (lambda: iter([(X[:4], LABELS[:4]), (X[4:], LABELS[4:])]), None),
    "function": (lambda: lambda: [(X[:4], LABELS[:4]), (X[4:], LABELS[4:])], None),
}


@pytest.mark.parametrize("kind", DATA)
def test_it_is_the_loss_and_the_metrics_of_all(kind):
    data, batch_size = DATA[kind]
    results = evaluate(data() if callable(data) else data, batch_size=batch_size)
    assert list(results) == ["loss", "accuracy", "confusion"]
    assert results["loss"] == pytest.approx(EXPECTED, rel=1e-6)
    assert results["accuracy"] == pytest.approx(accuracy_score(LABELS, PREDICTION.argmax(-1)), rel=1e-6)
    assert results["confusion"].sum() == 10
    assert type(results["loss"]) is type(results["accuracy"]) is float


def test_a_metric_of_scikit_learn_takes_what_predict_returns():
    guess = fn.predict(MODEL, STATE, X, batch_size=4).argmax(-1)
    recall = np.diag(evaluate()["confusion"]) / np.bincount(LABELS, minlength=3)
    assert balanced_accuracy_score(LABELS, guess) == pytest.approx(recall.mean(), rel=1e-6)


def test_it_is_compiled_once_a_shape():
    loss = chex.assert_max_traces(LOSS, n=2)
    for _ in range(2):
        evaluate(loss=loss, batch_size=4)


@pytest.mark.slow
def test_it_is_without_noise_and_warns_of_statistics_that_were_not_measured():
    model = fn.serial(fn.batch_norm(), fn.dropout(0.5), MODEL)
    params = model.init(jax.random.key(0), X)
    with pytest.warns(UserWarning, match="0: batch_norm was never calibrated"):
        evaluate(model=model, params=params)
    params = fn.calibrate(model, params, [X])
    expected = LOSS(model.apply(params, X), jnp.asarray(LABELS))
    assert evaluate(model=model, params=params)["loss"] == pytest.approx(float(expected), rel=1e-6)


BAD = [
    (lambda: evaluate((X, LABELS[:9])), ValueError, r"data\[1\] must have as many examples as data\[0\], 10, got 9"),
    (lambda: evaluate(X), TypeError, r"data must be a tuple \(inputs, \*targets\), got ndarray"),
    (lambda: evaluate(iter([])), ValueError, "data must have at least one batch, got none"),
    (
        lambda: evaluate(iter([]), batch_size=3),
        TypeError,
        "batch_size must be None where data are batches already, got 3",
    ),
    (lambda: evaluate(batch_size=0), ValueError, "batch_size must be at least 1, got 0"),
    (lambda: evaluate((X[:, :2], LABELS)), ValueError, "This was batch 0 of data, counted from 0"),
    (lambda: evaluate(metrics=[fn.metrics.accuracy]), TypeError, "metrics must be a dict"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
