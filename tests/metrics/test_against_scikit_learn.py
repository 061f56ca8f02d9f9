"""Every metric has scikit-learn's value, weighted or not, and batches add up to the whole."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics as theirs

from funcnn import metrics
from funcnn.training._metrics import as_metric

RNG = np.random.default_rng(0)
N = 60
LOGITS, LABELS = RNG.normal(size=(N, 4)), RNG.integers(0, 3, N)  # class 3 is guessed, and never there
ONEHOT = np.eye(4)[LABELS]
SCORES, YES = RNG.normal(size=N), RNG.integers(0, 2, N)
ON_CELLS = np.array([-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0])[
    RNG.integers(0, 7, N)
]  # many ties, each score a bin of its own
PAIRS = np.stack([np.zeros(N), SCORES], axis=-1)
NUMBERS, TARGETS = RNG.normal(size=(N, 3)), RNG.normal([0, 1, 2], size=(N, 3))
WEIGHT = RNG.uniform(0.1, 2, N)
GUESS, SIGN = LOGITS.argmax(-1), (SCORES > 0).astype(int)


def shares(logits):
    return np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)


CASES = {
    "accuracy": (metrics.accuracy, LOGITS, LABELS, lambda w: theirs.accuracy_score(LABELS, GUESS, sample_weight=w)),
    "accuracy of distributions": (
        metrics.accuracy, LOGITS, ONEHOT, lambda w: theirs.accuracy_score(LABELS, GUESS, sample_weight=w)),
    "binary_accuracy": (metrics.binary_accuracy, SCORES, YES, lambda w: theirs.accuracy_score(YES, SIGN, sample_weight=w)),
    "top_k": (
        metrics.top_k(2), LOGITS, LABELS,
        lambda w: theirs.top_k_accuracy_score(LABELS, LOGITS, k=2, sample_weight=w, labels=range(4))),
    "mean_squared_error": (
        metrics.mean_squared_error, NUMBERS, TARGETS,
        lambda w: theirs.mean_squared_error(TARGETS, NUMBERS, sample_weight=w)),
    "mean_absolute_error": (
        metrics.mean_absolute_error, NUMBERS, TARGETS,
        lambda w: theirs.mean_absolute_error(TARGETS, NUMBERS, sample_weight=w)),
    "r2": (metrics.r2(), NUMBERS, TARGETS, lambda w: theirs.r2_score(TARGETS, NUMBERS, sample_weight=w)),
    "r2 of numbers": (
        metrics.r2(), NUMBERS[:, 2], TARGETS[:, 2],
        lambda w: theirs.r2_score(TARGETS[:, 2], NUMBERS[:, 2], sample_weight=w)),
    "precision": (metrics.precision(), SCORES, YES, lambda w: theirs.precision_score(YES, SIGN, sample_weight=w)),
    "recall of pairs": (metrics.recall(), PAIRS, YES == 1, lambda w: theirs.recall_score(YES, SIGN, sample_weight=w)),
    "f1": (metrics.f1(), SCORES, YES.astype(float), lambda w: theirs.f1_score(YES, SIGN, sample_weight=w)),
    "macro precision": (
        metrics.precision("macro"), LOGITS, LABELS,
        lambda w: theirs.precision_score(LABELS, GUESS, average="macro", sample_weight=w)),
    "macro recall": (
        metrics.recall("macro"), LOGITS, LABELS,
        lambda w: theirs.recall_score(LABELS, GUESS, average="macro", sample_weight=w, zero_division=0)),
    "macro f1": (
        metrics.f1("macro"), LOGITS, ONEHOT, lambda w: theirs.f1_score(LABELS, GUESS, average="macro", sample_weight=w)),
    "auc": (metrics.auc(), ON_CELLS, YES, lambda w: theirs.roc_auc_score(YES, ON_CELLS, sample_weight=w)),
    "confusion_matrix": (
        metrics.confusion_matrix(4), LOGITS, LABELS,
        lambda w: theirs.confusion_matrix(LABELS, GUESS, sample_weight=w, labels=range(4))),
    "confusion_matrix of logits": (
        metrics.confusion_matrix(2), SCORES, YES, lambda w: theirs.confusion_matrix(YES, SIGN, sample_weight=w)),
    "perplexity": (
        metrics.perplexity(), LOGITS, LABELS,
        lambda w: np.exp(theirs.log_loss(LABELS, shares(LOGITS), sample_weight=w, labels=range(4)))),
}  # fmt: skip


def measured(metric, *args):
    return as_metric(metric).measure(*args)


@pytest.mark.slow
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["alike", "weighted"])
@pytest.mark.parametrize("name", CASES)
def test_it_is_scikit_learns(name, weight):
    metric, prediction, target, theirs = CASES[name]
    args = (prediction, target) if weight is None else (prediction, target, weight)
    value = as_metric(metric).value
    expected = theirs(weight)
    assert value(measured(metric, *args)) == pytest.approx(expected, rel=1e-6)
    parts = [measured(metric, *(a[rows] for a in args)) for rows in (slice(0, 30), slice(30, None))]
    assert value(jax.tree.map(jnp.add, *parts)) == pytest.approx(expected, rel=1e-6)


def test_every_metric_is_tried_here():
    elsewhere = {"Metric", "label_error_rate"}  # scikit-learn measures no sequences: tests/losses/test_ctc.py
    public = {name for name, value in vars(metrics).items() if callable(value) and name[0] != "_"} - elsewhere
    assert {name.removeprefix("macro ").partition(" of ")[0] for name in CASES} == public


@pytest.mark.slow
def test_an_area_by_bins_is_off_by_less_than_it_says():
    scores, yes = RNG.normal(size=4000) + np.repeat([0.0, 1.0], 2000), np.repeat([0, 1], 2000)
    exact = theirs.roc_auc_score(yes, scores)
    for bins in (8, 64, 2048):
        counts = measured(metrics.auc(bins), scores, yes)
        in_one_bin = float((counts[0] * counts[1]).sum() / (counts[0].sum() * counts[1].sum()))
        error = abs(float(metrics.auc(bins).value(counts)) - exact)
        assert error <= in_one_bin / 2, bins
    assert error < 1e-4
