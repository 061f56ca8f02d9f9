"""A model as a regressor."""

from collections.abc import Callable
from typing import Any

import numpy as np
import optax

from .._core import Layer
from ..losses import squared_error
from ._estimator import DTYPES, Estimator, perceptron
from ._library import RegressorMixin, check_is_fitted, check_sample_weight, validate_data


class Regressor(RegressorMixin, Estimator):
    """A model as a scikit-learn regressor: the squared difference.

    It computes in the dtype of X, float64 or float32, as scikit-learn does. Batch norms are calibrated on what it was
    trained on. Targets far from size 1 want a `sklearn.compose.TransformedTargetRegressor` around it.

    Args:
      model: a layer with a value ``[n, targets]``, or a function that makes one of the number of targets. One hidden layer
        of 100 units, by default.
      optimizer: a function that makes an optax optimizer of the learning rate, such as ``optax.adam``; or an optimizer,
        which has its own.
      learning_rate: what it is made of: a number, or a schedule of optax.
      epochs: how often the data are gone through.
      batch_size: examples a step; all of them if there are fewer.
      patience: after how many epochs without a better validation loss training ends. The best parameters are kept. None
        trains for all epochs, on all data.
      validation_fraction: the part of the data that is validated on, where there is patience.
      random_state: an int, a `numpy.random.RandomState` or None.
      progress: whether to show a progress bar.

    Attributes:
      params_: the parameters, NumPy arrays.
      history_: the history of `funcnn.fit`.

    Example:
      >>> import numpy as np
      >>> x = np.linspace(-1, 1, 50)[:, None]
      >>> regressor = sklearn.Regressor(linear, optimizer=optax.sgd, learning_rate=0.3, random_state=0)
      >>> regressor.fit(x, 2 * x[:, 0]).predict([[0.5]]).round(3)
      array([1.])
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
        self.random_state = random_state
        self.progress = progress

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "Regressor":
        """Train on X ``[n, ...]`` and targets ``[n]`` or ``[n, targets]``, with a weight for each example if there are."""
        options: Any = {"dtype": DTYPES, "allow_nd": True, "multi_output": True, "y_numeric": True}
        X, y = validate_data(self, X, y, **options)
        self.targets_ = y.shape[1:]
        data = X, y.reshape(len(y), -1).astype(X.dtype)
        if sample_weight is not None:
            data += (check_sample_weight(sample_weight, X, dtype=X.dtype),)
        self._train(data, data[1].shape[1], squared_error)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The targets, ``[n]`` or ``[n, targets]`` as in fit."""
        check_is_fitted(self)
        values = self._values(X, int(np.prod(self.targets_, dtype=int)))
        return values.reshape(len(values), *self.targets_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
