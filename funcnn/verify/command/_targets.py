"""From the words on a command line to functions: load a module, and find the rules that it defines."""

import importlib
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterator
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from ..._intercept import Rule
from .._errors import one_line

Functions = dict[str, Callable[..., Any]]


class TargetError(Exception):
    """A target cannot be used; the message, one line, says why."""


class Found(NamedTuple):
    """What a target comes to.

    Attributes:
      rules: the module or file, and the name there, of each rule.
      unread: a line for each submodule that cannot be imported.
    """

    rules: tuple[tuple[str, str], ...]
    unread: tuple[str, ...] = ()


def search(target: str) -> Found:
    """The rules that a target names; those of a package's submodules too, at any depth.

    Raises:
      TargetError: as `find` raises it; a submodule that cannot be imported only adds a line to ``unread``.
    """
    where, _, name = target.partition(":")
    module = _load(where)
    if name or not hasattr(module, "__path__"):
        return Found(tuple((where, rule) for rule in find(target)[1]))
    rules, unread = [(module.__name__, rule) for rule in rules_of(module)], []
    for submodule in _submodules(module):
        try:
            rules += [(submodule, rule) for rule in rules_of(_load(submodule))]
        except TargetError as error:
            unread.append(str(error))
    if not rules:
        raise TargetError(
            "; ".join([f"{where} and its submodules define no custom_vjp or custom_jvp function", *unread])
        )
    return Found(tuple(rules), tuple(unread))


def _submodules(package: ModuleType) -> list[str]:
    """The names of a package's submodules, at any depth, but for those that run a program when imported."""
    names = [info.name for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}.", lambda name: None)]
    return [name for name in names if name.rpartition(".")[2] != "__main__"]


def find(target: str) -> tuple[ModuleType, Functions]:
    """What a target names.

    Args:
      target: ``package.module`` or ``path/to/file.py`` for every rule of a module, with ``:name`` after it for one
        function, which may lie deeper: ``:Class.rule``.

    Returns:
      The module, and its functions to check by their names.

    Raises:
      TargetError: there is no such module, no such name in it, or no rule in it.
    """
    where, _, name = target.partition(":")
    module = _load(where)
    if not name:
        functions = rules_of(module)
        if not functions:
            raise TargetError(f"{where} defines no custom_vjp or custom_jvp function")
        return module, functions
    f = _attribute(module, name)
    if f is None:
        rules = ", ".join(rules_of(module)) or "none"
        raise TargetError(f"{where} has no {name}; its rules: {rules}")
    if not callable(f):
        raise TargetError(f"{target} must be a function, got {type(f).__name__}")
    return module, {name: f}


def rules_of(module: ModuleType) -> Functions:
    """Every custom rule that a module defines, public or not, and whatever else its ``check_vjp_examples`` names.

    Rules are looked for among its names and those of its classes, under `jax.jit` too. One that the module imports is
    left out, and of several names for one rule the first is kept.

    Raises:
      TargetError: ``check_vjp_examples`` names what the module does not have.
    """
    found: Functions = {}
    seen: set[int] = set()
    for name, value in _members(module):
        rule = rule_in(value)
        if rule is not None and id(rule) not in seen and _is_defined_in(rule, module):
            seen.add(id(rule))
            found[name] = value
    for name in getattr(module, "check_vjp_examples", {}):
        f = _attribute(module, name)
        if not callable(f):
            raise TargetError(f"check_vjp_examples of {module.__name__} names {name!r}, which is not a function there")
        found[name] = f
    return found


def rule_in(f: Any) -> Rule | None:
    """The custom rule that f is, or that it compiles; None for anything else."""
    inner = f if isinstance(f, Rule) else getattr(f, "__wrapped__", None)
    return inner if isinstance(inner, Rule) else None


def _members(module: ModuleType) -> Iterator[tuple[str, Any]]:
    for name, value in list(vars(module).items()):
        yield name, value
        if inspect.isclass(value) and value.__module__ == module.__name__:
            yield from ((f"{name}.{inner}", getattr(value, inner)) for inner in vars(value))


def _is_defined_in(rule: Rule, module: ModuleType) -> bool:
    """Whether a rule is not imported: its function's module is this one, or does not have the rule under its name."""
    home = sys.modules.get(rule.__module__)
    return home is module or getattr(home, rule.__name__, None) is not rule


def _attribute(module: ModuleType, name: str) -> Any:
    try:
        return attrgetter(name)(module)
    except AttributeError:
        return None


def _load(where: str) -> ModuleType:
    try:
        return _load_file(Path(where).resolve()) if where.endswith(".py") else importlib.import_module(where)
    except (Exception, SystemExit) as error:
        raise TargetError(f"cannot import {where or 'a module without a name'}: {one_line(error)}") from error


def _load_file(path: Path) -> ModuleType:
    """A file as a module: under its full name where it lies in a package, so that its relative imports work."""
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    root, parts = path.parent, [path.stem]
    while (root / "__init__.py").exists():
        root, parts = root.parent, [root.name, *parts]
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    name = ".".join(parts[:-1] if path.stem == "__init__" else parts)
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None) == str(path):
        return loaded
    if len(parts) > 1:
        return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None  # what ends in .py has one, and a loader
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
