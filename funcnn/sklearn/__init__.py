"""Models as scikit-learn's estimators: in pipelines, grid searches and cross-validation."""

from ._classifier import Classifier as Classifier
from ._regressor import Regressor as Regressor
