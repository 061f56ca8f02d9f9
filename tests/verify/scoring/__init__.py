"""Wrong rules and right-but-tricky ones, by which the checker is judged.

What it was built with, `CASES`, and `HOLDOUT`, the files ``blind_*``, written by hands that had not seen it.
"""

from importlib import import_module
from pkgutil import iter_modules

from ._case import Case as Case

_cases: dict[str, list[Case]] = {
    module.name: import_module(f"{__name__}.{module.name}").cases
    for module in iter_modules(__path__)
    if not module.name.startswith("_")
}
CASES: tuple[Case, ...] = tuple(c for name, cases in _cases.items() if not name.startswith("blind_") for c in cases)
HOLDOUT: tuple[Case, ...] = tuple(c for name, cases in _cases.items() if name.startswith("blind_") for c in cases)
ALL: tuple[Case, ...] = CASES + HOLDOUT
