"""Wrong rules and right-but-tricky ones, by which the checker is judged: two thirds frozen, a third held out."""

from . import (
    holdout_arrays,
    holdout_losses,
    holdout_moving,
    holdout_numbers,
    holdout_pointwise,
    holdout_right,
    right_kinks,
    right_numerics,
    right_structure,
    wrong_activations,
    wrong_cotangent,
    wrong_dtype,
    wrong_indexing,
    wrong_linear,
    wrong_losses,
    wrong_normalisation,
    wrong_recurrences,
    wrong_reductions,
    wrong_structure,
    wrong_transforms,
)
from ._case import Case as Case

_frozen = (
    wrong_activations,
    wrong_cotangent,
    wrong_dtype,
    wrong_indexing,
    wrong_linear,
    wrong_losses,
    wrong_normalisation,
    wrong_recurrences,
    wrong_reductions,
    wrong_structure,
    wrong_transforms,
    right_kinks,
    right_numerics,
    right_structure,
)
CASES: tuple[Case, ...] = tuple(case for module in _frozen for case in module.cases)
_held = (
    holdout_arrays,
    holdout_losses,
    holdout_moving,
    holdout_numbers,
    holdout_pointwise,
    holdout_right,
)
HOLDOUT: tuple[Case, ...] = tuple(case for module in _held for case in module.cases)
ALL: tuple[Case, ...] = CASES + HOLDOUT
