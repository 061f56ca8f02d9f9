"""A model as a classifier."""

from collections.abc import Callable
from typing import Any

import numpy as np
import optax

from .._core import Layer
from ..losses import softmax_cross_entropy
from ..rules import softmax
from ._estimator import DTYPES, Estimator, computing_in, perceptron
from ._library import (
    ClassifierMixin,
    check_classification_targets,
    check_is_fitted,
    check_sample_weight,
    compute_sample_weight,
    validate_data,
)


class Classifier(ClassifierMixin, Estimator):
    """A model as a scikit-learn classifier: cross-entropy of the softmax of its values.

    It computes in the dtype of X, float64 or float32, as scikit-learn does. Batch norms are calibrated on what it was
    trained on.

    Args:
      model: a layer with a value ``[n, classes]``, or a function that makes one of the number of classes. One hidden layer
        of 100 units, by default.
      optimizer: a function that makes an optax optimizer of the learning rate, such as ``optax.adam``; or an optimizer,
        which has its own.
      learning_rate: what it is made of: a number, or a schedule of optax.
      epochs: how often the data are gone through.
      batch_size: examples a step; all of them if there are fewer.
      patience: after how many epochs without a better validation loss training ends. The best parameters are kept. None
        trains for all epochs, on all data.
      validation_fraction: the part of the data that is validated on, where there is patience.
      class_weight: weights by class, ``"balanced"``, or None for 1.
      random_state: an int, a `numpy.random.RandomState` or None.
      progress: whether to show a progress bar.

    Attributes:
      classes_: ``[classes]``, sorted.
      params_: the parameters, NumPy arrays.
      history_: the history of `funcnn.fit`.

    Example:
      >>> from sklearn.datasets import load_iris
      >>> from sklearn.pipeline import make_pipeline
      >>> from sklearn.preprocessing import StandardScaler
      >>> x, y = load_iris(return_X_y=True)
      >>> classifier = sklearn.Classifier(optimizer=optax.sgd, learning_rate=0.3, random_state=0)
      >>> bool(make_pipeline(StandardScaler(), classifier).fit(x, y).score(x, y) > 0.95)
      True
    """

    def __init__(
        self,
        model: Layer | Callable[[int], Layer] = perceptron,
        *,
        optimizer: Callable[[Any], optax.GradientTransformation] | optax.GradientTransformation = optax.adam,
        learning_rate: Any = 0.01,
        epochs: int = 100,
        batch_size: int = 200,
        patience: int | None = None,
        validation_fraction: float = 0.1,
        class_weight: Any = None,
        random_state: Any = None,
        progress: bool = False,
    ):
        self.model = model
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.class_weight = class_weight
        self.random_state = random_state
        self.progress = progress

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "Classifier":
        """Train on X ``[n, ...]`` and classes ``[n]``, with a weight for each example where there are weights."""
        X, y = validate_data(self, X, y, dtype=DTYPES, allow_nd=True)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        data = X, labels
        if sample_weight is not None or self.class_weight is not None:
            of_examples = check_sample_weight(sample_weight, X, dtype=X.dtype)
            data += (of_examples * compute_sample_weight(self.class_weight, y).astype(X.dtype),)
        self._train(data, len(self.classes_), softmax_cross_entropy, labels)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class, ``[n, classes]``."""
        check_is_fitted(self)
        logits = self._values(X, len(self.classes_))
        with computing_in(logits.dtype):
            return np.asarray(softmax(logits))

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest class, ``[n]``."""
        check_is_fitted(self)
        return self.classes_[self._values(X, len(self.classes_)).argmax(-1)]
