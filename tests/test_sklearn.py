"""The estimators pass scikit-learn's own checks, and stand in its pipelines and searches."""

import contextlib
import copy
import sys
import unittest
from functools import cache, partial

import jax
import numpy as np
import optax
import pytest

import funcnn as fn

PARTS = 6  # of the checks, so that a run may keep a few of them
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _promoting():
    """Optax's Adam relies on implicit promotion."""
    with jax.numpy_dtype_promotion("standard"):
        yield


@cache
def digits(n=300):
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return np.float32(images[:n] / 16), np.array([f"digit {label}" for label in labels[:n]])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", ["Classifier", "Regressor"])
def test_scikit_learn_s_checks(name, part):
    from sklearn.utils.estimator_checks import estimator_checks_generator

    checks = list(estimator_checks_generator(getattr(fn.sklearn, name)(), mark="skip"))
    assert len(checks) > 50
    for estimator, check in checks[part::PARTS]:
        with contextlib.suppress(unittest.SkipTest):  # of what is not installed
            check(estimator)


@pytest.mark.slow
def test_a_search_over_a_pipeline():
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = digits()
    pipeline = make_pipeline(StandardScaler(), fn.sklearn.Classifier(epochs=8, random_state=0))
    search = GridSearchCV(pipeline, {"classifier__learning_rate": [1e-6, 0.01]}, cv=2).fit(x, y)
    assert search.best_params_ == {"classifier__learning_rate": 0.01}
    assert search.best_score_ > 0.8
    best = search.best_estimator_[-1]
    assert best.history_["loss"].shape == (8,)
    assert {type(leaf) for leaf in jax.tree.leaves(best.params_)} == {np.ndarray}
    assert {leaf.dtype for leaf in jax.tree.leaves(best.params_)} == {np.dtype("float32")}
    assert (copy.deepcopy(search).predict(x) == search.predict(x)).all()
    assert set(search.predict(x)) <= set(y)


def convolutional(classes):
    return fn.serial(
        *(fn.conv(4, (3, 3), stride=2), fn.batch_norm(), fn.relu, fn.dropout(0.1)), *(fn.flatten, fn.linear(classes))
    )


@pytest.mark.slow
def test_images_and_batch_norms():
    from sklearn.base import clone

    x, y = digits()
    x = x.reshape(-1, 8, 8, 1)
    momentum = partial(optax.sgd, momentum=0.9)
    classifier = fn.sklearn.Classifier(
        convolutional, optimizer=momentum, learning_rate=0.05, epochs=10, batch_size=32, random_state=1
    )
    probabilities = classifier.fit(x, y).predict_proba(x)
    assert classifier.score(x, y) > 0.95
    assert np.abs(probabilities.sum(-1) - 1).max() < 1e-5
    assert (classifier.classes_[probabilities.argmax(-1)] == classifier.predict(x)).all()
    assert (clone(classifier).fit(x, y).predict_proba(x) == probabilities).all()


@pytest.mark.slow
def test_weights_of_examples_and_classes_multiply():
    x, y = RNG.normal(size=(30, 2)), np.repeat([3, 7, 7], 10)
    of = lambda **options: fn.sklearn.Classifier(fn.linear(2), epochs=20, random_state=0, **options)
    weight = RNG.uniform(size=30)
    both = of(class_weight={3: 5.0, 7: 0.5}).fit(x, y, sample_weight=weight)
    by_hand = of().fit(x, y, sample_weight=weight * np.where(y == 3, 5.0, 0.5))
    np.testing.assert_allclose(both.params_["w"], by_hand.params_["w"], rtol=1e-12)
    assert not np.allclose(both.params_["w"], of().fit(x, y, weight).params_["w"], rtol=1e-3)
    balanced = of(class_weight="balanced").fit(x, y)
    np.testing.assert_allclose(
        balanced.params_["w"], of(class_weight={3: 1.5, 7: 0.75}).fit(x, y).params_["w"], rtol=1e-12
    )


@pytest.mark.slow
def test_targets_keep_their_shape():
    x = RNG.normal(size=(40, 3))
    for y in (x @ [1.0, 2.0, 3.0], x @ RNG.normal(size=(3, 2)), x[:, :1]):
        regressor = fn.sklearn.Regressor(fn.linear, learning_rate=0.3, epochs=200, random_state=0).fit(x, y)
        assert regressor.predict(x).shape == y.shape
        assert regressor.score(x, y) > 0.999


@pytest.mark.slow
def test_training_ends_early_with_the_best_parameters():
    x, y = digits()
    classifier = fn.sklearn.Classifier(epochs=200, learning_rate=0.1, patience=3, random_state=0).fit(x, y)
    loss = classifier.history_["val_loss"]
    assert loss.argmin() == len(loss) - 4 < 196
    regressor = fn.sklearn.Regressor(fn.linear, patience=2, validation_fraction=0.3, epochs=5, random_state=0)
    assert "val_loss" in regressor.fit(x, x[:, :2]).history_


def test_what_is_neither_a_model_nor_makes_one_is_refused():
    x, y = np.ones((4, 2)), [0, 1, 0, 1]
    with pytest.raises(TypeError, match="model must have apply, or be a function that makes what has it, got int"):
        fn.sklearn.Classifier(7).fit(x, y)
    with pytest.raises(TypeError, match=r"optimizer must have update, .*, got str"):
        fn.sklearn.Regressor(fn.linear, optimizer="adam").fit(x, y)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"batch_size": "a"}, TypeError, "batch_size must be an int, got 'a'"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
        ({"learning_rate": "a"}, TypeError, "learning_rate must be a number or a schedule, got 'a'"),
        ({"validation_fraction": 2.0}, ValueError, "validation_fraction must be a number above 0 and below 1, got 2.0"),
        ({"validation_fraction": "a"}, ValueError, "validation_fraction must be a number above 0 and below 1, got 'a'"),
        ({"patience": 0}, ValueError, "patience must be at least 1, got 0"),
        ({"epochs": "3"}, TypeError, "epochs must be an int, got '3'"),
    ],
)
def test_a_bad_option_is_named(options, error, message):
    with pytest.raises(error, match=message):
        fn.sklearn.Regressor(fn.linear, **({"patience": 1} | options)).fit(np.ones((10, 2)), np.ones(10))


@pytest.mark.slow
def test_an_optimizer_that_is_made_has_its_own_rate():
    x, y = RNG.normal(size=(10, 2)), RNG.normal(size=10)
    of = lambda **options: fn.sklearn.Regressor(fn.linear, epochs=3, random_state=0, **options).fit(x, y).params_["w"]
    made = of(optimizer=optax.sgd(0.125))
    assert (made == of(optimizer=optax.sgd, learning_rate=0.125)).all()
    assert (made != of(optimizer=optax.sgd, learning_rate=0.25)).any()


def test_scikit_learn_is_named_with_the_extra(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("funcnn.sklearn")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    monkeypatch.delattr(fn, "sklearn", raising=False)
    with pytest.raises(ImportError, match=r"needs scikit-learn .*: pip install 'funcnn\[sklearn\]'"):
        fn.sklearn  # noqa: B018
