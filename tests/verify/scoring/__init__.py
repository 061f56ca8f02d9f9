"""Wrong rules and right-but-tricky ones, by which the checker is judged, a file a theme.

The checker was built and mended with the cases of ``seen/``. The authors of ``held_out/`` had not seen it, and it was
tried on them once, when it was done: they say how it judges rules that nobody tuned it for.
"""

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from tests.helpers.case import Case as Case

from . import held_out, seen


def _cases(part: ModuleType) -> tuple[Case, ...]:
    """Every case of one folder, theme by theme."""
    themes = [import_module(f"{part.__name__}.{theme.name}") for theme in iter_modules(part.__path__)]
    return tuple(case for theme in themes for case in theme.cases)


SEEN: tuple[Case, ...] = _cases(seen)
HELD_OUT: tuple[Case, ...] = _cases(held_out)
ALL: tuple[Case, ...] = SEEN + HELD_OUT
