"""Wrong rules and right-but-tricky ones, by which the checker is judged: two thirds frozen, a third held out."""

from . import (
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
)
CASES: tuple[Case, ...] = tuple(case for module in _frozen for case in module.cases)
HOLDOUT: tuple[Case, ...] = ()
ALL: tuple[Case, ...] = CASES + HOLDOUT
