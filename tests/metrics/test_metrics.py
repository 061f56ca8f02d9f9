"""What has weight 0 is not there, sums keep their digits in half precision, and bad input names the argument."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import funcnn as fn
from funcnn import metrics
from funcnn.training._metrics import as_metric

LOGITS = jnp.array([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 0.0, 0.5]], jnp.float32)
LABELS = jnp.array([0, 1, 1])
SCORES, YES = jnp.array([1.0, -1.0, 2.0], jnp.float32), jnp.array([1, 0, 0])
OF_CLASSES = [
    metrics.accuracy,
    metrics.top_k(2),
    metrics.f1("macro"),
    metrics.confusion_matrix(3),
    metrics.perplexity(),
]
OF_YES_AND_NO = [metrics.binary_accuracy, metrics.precision(), metrics.auc(), metrics.confusion_matrix(2)]
OF_NUMBERS = [metrics.mean_squared_error, metrics.mean_absolute_error, metrics.r2()]
EACH = [
    *((metric, LOGITS, LABELS) for metric in OF_CLASSES),
    *((metric, SCORES, YES) for metric in OF_YES_AND_NO),
    *((metric, LOGITS, LOGITS**2) for metric in OF_NUMBERS),
]


def result(metric, *args):
    metric = as_metric(metric)
    return np.asarray(metric.value(metric.measure(*args)))


@pytest.mark.slow
@pytest.mark.parametrize(("metric", "prediction", "target"), EACH)
def test_what_has_weight_0_is_not_there(metric, prediction, target):
    expected = result(metric, prediction[:2], target[:2])
    spoilt = target.at[2].set(-7 if jnp.issubdtype(target.dtype, jnp.integer) else jnp.nan)
    got = result(metric, prediction.at[2].set(jnp.nan), spoilt, jnp.array([True, True, False]))
    assert got == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("metric", "prediction", "target"), EACH)
def test_sums_are_float32_and_alike_in_a_compiled_loop(metric, prediction, target):
    measure = as_metric(metric).measure
    half = prediction.astype("bfloat16"), target.astype("bfloat16") if target.dtype == "float32" else target
    for args in ((prediction, target), half):
        sums = measure(*args)
        assert {a.dtype.name for a in jax.tree.leaves(sums)} == {"float32"}
        compiled = jax.jit(measure)(*args)
        for a, b in zip(jax.tree.leaves(compiled), jax.tree.leaves(sums), strict=True):
            assert np.asarray(a) == pytest.approx(np.asarray(b), rel=1e-6)


@pytest.mark.parametrize("make", [lambda i: lambda *a: metrics.accuracy(*a, ignore=i), lambda i: metrics.top_k(1, ignore=i),
                                  lambda i: metrics.perplexity(ignore=i)])  # fmt: skip
def test_ignored_labels_do_not_count(make):
    for ignored in (-1, 2):
        labels = LABELS.at[2].set(ignored)
        assert result(make(ignored), LOGITS, labels) == result(make(ignored), LOGITS[:2], LABELS[:2])


def test_what_is_no_pair_is_named():
    with pytest.raises(TypeError, match=r"a metric must return \(sum, weight\), got float32\[\]: losses return a mean"):
        result(fn.losses.squared_error, SCORES, SCORES)


def test_equal_scores_are_taken_in_their_order():
    flat = jnp.zeros((4, 4), jnp.float32)
    every_class = jnp.arange(4)
    assert [float(metrics.top_k(k)(flat, every_class)[0]) for k in (1, 2, 4)] == [1, 2, 4]
    assert float(metrics.accuracy(flat, every_class)[0]) == 1


def test_a_label_outside_the_classes_is_wrong_where_it_has_no_value():
    outside = jnp.array([0, -1, 3])
    right, of = jax.jit(metrics.accuracy)(LOGITS, outside)
    assert (float(right), float(of)) == (1, 3)
    assert jax.jit(metrics.confusion_matrix(3).measure)(LOGITS, outside).sum() == 1


def test_targets_that_are_all_equal():
    assert result(metrics.r2(), jnp.ones(3), jnp.ones(3)) == 1
    assert result(metrics.r2(), jnp.zeros(3), jnp.ones(3)) == 0
    assert result(metrics.f1(), -SCORES, 0 * YES) == 0
    assert np.isnan(result(metrics.auc(), SCORES, 0 * YES))


def test_the_same_options_make_the_same_metric():
    assert metrics.top_k(5) is metrics.top_k(5)
    assert metrics.auc() is metrics.auc()
    assert metrics.auc(8) is not metrics.auc()


BINARY = "fn.metrics.binary_accuracy takes the logits of yes and no"
BAD = [
    (lambda: metrics.accuracy(SCORES[:, None], YES), ValueError, "accuracy: prediction must be .*got float32.3, 1.*"),
    (lambda: metrics.accuracy(SCORES, SCORES), ValueError, BINARY),
    (
        lambda: metrics.accuracy(LOGITS, jnp.array([0, 3, 1])),
        ValueError,
        "labels must be class numbers from 0 to 2, got 3",
    ),
    (lambda: metrics.accuracy(LOGITS, LABELS[:2]), ValueError, r"accuracy: labels must be \[3\]"),
    (lambda: metrics.accuracy(LOGITS, LABELS, jnp.ones(2)), ValueError, "^accuracy: weight must have the leading axes"),
    (lambda: metrics.f1().measure(SCORES, YES, jnp.ones(2)), ValueError, "^f1: weight must have the leading axes"),
    (lambda: metrics.r2().measure(SCORES, SCORES, jnp.ones(2)), ValueError, "^r2: weight must have the leading axes"),
    (lambda: metrics.top_k(0), ValueError, "top_k: k must be at least 1, got 0"),
    (lambda: metrics.top_k(4)(LOGITS, LABELS), ValueError, "k must be at most the number of classes, 3, got 4"),
    (lambda: as_metric(metrics.f1), TypeError, r"f1 makes a metric: call it, as in f1\(\)"),
    (lambda: metrics.f1("micro"), ValueError, "average must be 'binary' or 'macro', got 'micro'"),
    (lambda: metrics.recall().measure(SCORES, YES[:2]), ValueError, "recall: prediction must be .2., a logit for each"),
    (lambda: metrics.confusion_matrix(4).measure(LOGITS, LABELS), ValueError, "prediction must have 4 classes, got 3"),
    (lambda: metrics.confusion_matrix(1), ValueError, "confusion_matrix: classes must be at least 2, got 1"),
    (lambda: metrics.r2().measure(LOGITS, SCORES), ValueError, "r2: target must be"),
    (lambda: metrics.mean_squared_error(LOGITS, LABELS), TypeError, "target must be a floating-point array, got int"),
    (
        lambda: metrics.label_error_rate()(LOGITS[None], LABELS),
        ValueError,
        r"rate: labels must be \[1, n\], .*, got int",
    ),
    (
        lambda: metrics.label_error_rate()(LOGITS[None], [[1]]),
        TypeError,
        "labels must be an array of integers, got a list",
    ),
    (lambda: metrics.auc(1), ValueError, "auc: bins must be at least 2"),
    (lambda: fn.metrics.acuracy, AttributeError, "did you mean funcnn.metrics.accuracy?"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("metric", [metrics.accuracy, metrics.top_k(2), metrics.f1("macro").measure])
def test_class_numbers_of_numpy_are_taken_without_a_warning(metric):
    with jax.enable_x64(False):
        metric(jnp.ones((3, 4)), np.array([0, 1, 2]))


def test_what_makes_logits_is_not_taken_for_them():
    for measure in (metrics.perplexity().measure, fn.losses.softmax_cross_entropy):
        with pytest.raises(TypeError, match=r"logits must be an array \[..., classes\], got a tuple of 2"):
            measure((jnp.ones((3, 4)), jnp.ones((4, 5))), jnp.array([0, 1, 2]))
