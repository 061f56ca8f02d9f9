"""What both estimators share: a model made of the arguments, trained, with its parameters as NumPy arrays."""

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from numbers import Real
from typing import Any

import jax
import numpy as np

from .._calibration import has_statistics
from .._core import Layer
from ..combinators import serial
from ..layers import linear
from ..rules import relu
from ..training import best_state, calibrate, early_stopping, fit, predict
from ..training._data import require_count
from ..training._once import once
from ._library import BaseEstimator, check_is_fitted, check_random_state, train_test_split, validate_data

DTYPES = np.float64, np.float32  # what is neither becomes the first
_ROWS = 1024  # a batch of predictions


@once
def perceptron(outputs: int) -> Layer:
    """One hidden layer of 100 units: the model by default."""
    return serial(linear(100), relu, linear(outputs))


class Estimator(BaseEstimator):
    """What both do with their arguments, which these are."""

    model: Any
    optimizer: Any
    learning_rate: Any
    epochs: int
    batch_size: int
    patience: int | None
    validation_fraction: float
    random_state: Any
    progress: bool

    def _train(self, data: tuple[Any, ...], outputs: int, loss: Callable[..., Any], classes: Any = None) -> None:
        """Fit the parameters on X, targets and weights, in the dtype of X."""
        self._require_options()
        model, inputs = self._layer(outputs), data[0]
        numbers = check_random_state(self.random_state)
        key = numbers.randint(np.iinfo(np.int32).max)
        validation, watch = None, []
        if self.patience is not None:
            data, validation = _parted(data, self.validation_fraction, numbers, classes)
            watch = [early_stopping("val_loss", self.patience), best_state("val_loss")]
        with computing_in(inputs.dtype), warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*batch_norm was never calibrated")  # it is, below
            state, self.history_ = fit(
                model,
                loss,
                _made_of("optimizer", self.optimizer, self.learning_rate, "update"),
                data,
                epochs=self.epochs,
                batch_size=min(self.batch_size, len(data[0])),
                key=jax.random.key(key),
                validation=validation,
                watch=watch,
                progress=self.progress,
            )
            params = calibrate(model, state.params, [data[0]]) if has_statistics(state.params) else state.params
        self.params_ = jax.tree.map(np.asarray, params)

    def _require_options(self) -> None:
        """Raise for an option that only another library would refuse, by a name that the user did not write."""
        require_count("batch_size", self.batch_size, low=1)
        if not callable(self.learning_rate) and not hasattr(self.learning_rate, "__float__"):
            raise TypeError(f"learning_rate must be a number or a schedule, got {self.learning_rate!r}")
        fraction = self.validation_fraction
        if self.patience is not None and not (isinstance(fraction, Real) and 0 < fraction < 1):
            raise ValueError(f"validation_fraction must be a number above 0 and below 1, got {fraction!r}")

    def _values(self, rows: Any, outputs: int) -> np.ndarray:
        """The model's values outside of training, ``[n, outputs]``."""
        check_is_fitted(self)
        x: Any = validate_data(self, rows, dtype=DTYPES, allow_nd=True, reset=False)
        with computing_in(x.dtype):
            params = jax.tree.map(lambda a: a.astype(x.dtype), self.params_)
            return predict(self._layer(outputs), params, x, batch_size=_ROWS)

    def _layer(self, outputs: int) -> Layer:
        return _made_of("model", self.model, outputs, "apply")


def computing_in(dtype: Any) -> AbstractContextManager[Any]:
    """A context in which JAX keeps this dtype."""
    return jax.enable_x64(dtype == np.float64)


def _made_of(name: str, made: Any, argument: Any, method: str) -> Any:
    """What an argument of the estimator is, if it has the method, or what it makes of the number."""
    if hasattr(made, method):
        return made
    if not callable(made):
        raise TypeError(
            f"{name} must have {method}, or be a function that makes what has it, got {type(made).__name__}"
        )
    return _made(made, argument)


@once
def _made(make, argument):
    """What a function makes of its argument: the same object each time, so that it is compiled once."""
    return make(argument)


def _parted(data, fraction, numbers, classes):
    """The data to train on, and those to validate on; where there are classes, with each class in both."""
    rows = train_test_split(np.arange(len(data[0])), test_size=fraction, random_state=numbers, stratify=classes)
    return [tuple(a[part] for a in data) for part in rows]
