"""Wrong rules and right-but-tricky ones, by which the checker is judged.

What it was built with, `CASES`, and `HOLDOUT`, the files ``third_*``, written by hands that had not seen it, and tried once
when it was done. The files ``blind_*`` were such a set before, and were mended for.
"""

from importlib import import_module
from pkgutil import iter_modules

from tests.helpers.case import Case as Case

_cases: dict[str, list[Case]] = {
    module.name: import_module(f"{__name__}.{module.name}").cases
    for module in iter_modules(__path__)
    if not module.name.startswith("_")
}
CASES: tuple[Case, ...] = tuple(c for name, cases in _cases.items() if not name.startswith("third_") for c in cases)
HOLDOUT: tuple[Case, ...] = tuple(c for name, cases in _cases.items() if name.startswith("third_") for c in cases)
ALL: tuple[Case, ...] = CASES + HOLDOUT
