"""The public rules, a file a theme; a package is imported when its rule is called, and not before."""

from .._rule import Rule
from . import distributions, linear_algebra, loops, optimization, physics, special_functions, transport

THEMES = (optimization, linear_algebra, loops, transport, distributions, special_functions, physics)
RULES: tuple[Rule, ...] = tuple(rule for theme in THEMES for rule in theme.RULES)
