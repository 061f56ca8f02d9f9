"""Sums of batches add up to those of all examples, the loss's and every other metric's."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import funcnn as fn
from funcnn.training._metrics import Metric, as_metric, ratio, weighted
from funcnn.training._plan import Plan
from funcnn.training._sources import source_of
from funcnn.training._step import plain_step
from tests.helpers.judge import assert_close

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X = jnp.asarray(RNG.normal(size=(10, 3)), jnp.float32)
LABELS = jnp.asarray(RNG.integers(0, 2, 10))
MODEL, LOSS, STILL = fn.linear(2), fn.losses.softmax_cross_entropy, optax.sgd(0.0)
STATE = fn.TrainState.create(MODEL, STILL, jax.random.key(0), X)


def accuracy(prediction, labels):
    return jnp.sum(prediction.argmax(-1) == labels), len(labels)


def confusions(prediction, labels):
    return jnp.zeros((2, 2), jnp.int32).at[labels, prediction.argmax(-1)].add(1)


METRICS = {"accuracy": accuracy, "confusion": Metric(confusions, lambda counts: counts / counts.sum())}
STEP = plain_step(MODEL, LOSS, STILL, tuple(METRICS.items()), probes=True)


@pytest.mark.parametrize("batch_size", [1, 4, 5, 10])
def test_an_epoch_of_a_model_that_stands_still_is_one_look_at_everything(batch_size):
    *_, last = source_of((X, LABELS), batch_size).train(STEP, STATE, Plan(epochs=1))
    prediction = MODEL.apply(STATE.params, X)
    right = prediction.argmax(-1) == LABELS
    assert 0 < right.mean() < 1
    assert sorted(last.values) == ["accuracy", "confusion", "epoch", "gradient_norm", "loss", "step"]
    assert last.values["accuracy"] == pytest.approx(float(right.mean()), rel=1e-6)
    assert last.values["loss"] == pytest.approx(float(LOSS(prediction, LABELS)), rel=1e-6)
    assert last.values["confusion"][0] == pytest.approx(np.asarray(confusions(prediction, LABELS)) / 10)


def test_sums_of_two_batches_add_up():
    take = jax.jit(STEP.take)
    parts = [take(STATE, (X[:3], LABELS[:3]))[1], take(STATE, (X[3:], LABELS[3:]))[1]]
    together, whole = STEP.value(jax.tree.map(jnp.add, *parts)), STEP.value(take(STATE, (X, LABELS))[1])
    assert together.pop("gradient_norm") != whole.pop("gradient_norm")  # the mean of two norms
    assert_close(together, whole, 1e-6)


def test_a_step_measures_what_its_measure_says():
    _, taken = jax.jit(STEP.take)(STATE, (X, LABELS))
    measured = jax.jit(STEP.measure)(STATE.params, (X, LABELS))
    chex.assert_trees_all_equal_shapes_and_dtypes(taken, measured | STEP.untaken(STATE, (X, LABELS)))
    assert_close(measured, {name: taken[name] for name in measured}, 1e-6)
    gradient = jax.grad(lambda params: LOSS(MODEL.apply(params, X), LABELS))(STATE.params)
    assert float(ratio(taken["gradient_norm"])) == pytest.approx(float(optax.tree.norm(gradient)), rel=1e-6)


@pytest.mark.parametrize(("dtype", "kept"), [("float16", "float32"), ("bfloat16", "float32"), ("float32", "float32"),
                                             ("float64", "float64")])  # fmt: skip
def test_sums_are_float32_or_wider(dtype, kept):
    sums = weighted(jnp.asarray(1000, dtype), 100)  # beyond float16's range
    assert sums[0].dtype == kept
    assert float(ratio(sums)) == 1000


def test_a_metric_that_is_nan_stops_nothing():
    undefined = lambda prediction, labels: (jnp.float32(0), jnp.float32(0))
    step = plain_step(MODEL, LOSS, STILL, (("undefined", undefined),))
    *_, last = source_of((X, LABELS), 4).train(step, STATE, Plan(epochs=2))
    assert np.isnan(last.values["undefined"]).all()


def test_a_wrapper_of_a_step_may_add_a_sum_of_its_own():
    def counting(step):
        def take(state, batch):
            state, sums = step.take(state, batch)
            return state, sums | {"steps": jnp.float32(1)}

        return step._replace(
            take=take,
            untaken=lambda state, batch: step.untaken(state, batch) | {"steps": jnp.float32(0)},
            value=lambda sums: step.value({n: a for n, a in sums.items() if n != "steps"}) | {"steps": sums["steps"]},
        )

    first, *others = source_of((X, LABELS), 4).train(counting(STEP), STATE, Plan(epochs=2))
    assert np.concatenate([moment.values["steps"] for moment in others]).tolist() == [3, 3]
    assert float(first.sums["steps"]) == 0


def test_a_metric_is_one_or_a_function():
    metric = METRICS["confusion"]
    assert as_metric(metric) is metric
    with pytest.raises(TypeError, match=r"a metric must be a Metric or a function to \(sum, weight\), got str"):
        as_metric("accuracy")
