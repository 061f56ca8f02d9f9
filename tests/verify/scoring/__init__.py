"""Wrong rules and right-but-tricky ones, by which the checker is judged: two thirds frozen, a third held out."""

from . import wrong_activations, wrong_cotangent, wrong_linear, wrong_normalisation
from ._case import Case as Case

_modules = (wrong_activations, wrong_cotangent, wrong_normalisation, wrong_linear)
CASES: tuple[Case, ...] = tuple(case for module in _modules for case in module.cases)
HOLDOUT: tuple[Case, ...] = ()
ALL: tuple[Case, ...] = CASES + HOLDOUT
