"""What is used of scikit-learn, or an error that says how to install it."""

try:
    from sklearn.base import BaseEstimator as BaseEstimator
    from sklearn.base import ClassifierMixin as ClassifierMixin
    from sklearn.base import RegressorMixin as RegressorMixin
    from sklearn.model_selection import train_test_split as train_test_split
    from sklearn.utils import check_random_state as check_random_state
    from sklearn.utils import compute_sample_weight as compute_sample_weight
    from sklearn.utils.multiclass import check_classification_targets as check_classification_targets
    from sklearn.utils.validation import _check_sample_weight as check_sample_weight  # noqa: F401
    from sklearn.utils.validation import check_is_fitted as check_is_fitted
    from sklearn.utils.validation import validate_data as validate_data
except ImportError as error:
    raise ImportError(f"funcnn.sklearn needs scikit-learn ({error}): pip install 'funcnn[sklearn]'") from error
