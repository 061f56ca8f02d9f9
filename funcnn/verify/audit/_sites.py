"""Where a program calls a rule: the stack of the caller's frames, and which of the calls with that stack it is."""

import inspect
import sysconfig
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax

from ..._intercept import Handler, Rule, intercept, name_of, sparing_jaxs
from .._places import PACKAGE, VERIFY

Frame = tuple[str, int]


class Site(NamedTuple):
    """A call of a rule.

    Attributes:
      name: the rule's.
      frames: file and line of the frames between the audit and the call that are not JAX's, innermost first.
      nested: whether the call lies inside another rule.
      ordinal: which one of the calls with that stack, in the order of tracing; 0 inside another rule.
    """

    name: str
    frames: tuple[Frame, ...]
    nested: bool = False
    ordinal: int = 0

    @property
    def in_forward(self) -> bool:
        """Whether `fn.forward` holds there."""
        return any(file == _FORWARD for file, _ in self.frames)


Meet = Callable[[Site, Rule, tuple[Any, ...], dict[str, Any], Handler], Any]


def meeting(meet: Meet, everything: bool) -> Handler:
    """A handler that gives each call its site, and a handler for the rules inside it: ``meet(site, …, inner)``."""
    return _meeting(meet, Counter(), (), (lambda handler: handler) if everything else sparing_jaxs)


def _meeting(
    meet: Meet, counts: Counter[tuple[Any, ...]], inside: tuple[Rule, ...], sparing: Callable[[Handler], Handler]
) -> Handler:
    def handler(rule: Rule, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        with intercept(None):
            if rule in inside:  # a forward pass that calls its own rule for the value
                return rule(*args, **kwargs)
            name, frames = name_of(rule), _frames() or _definition(rule)
            ordinal = 0 if inside else counts[name, frames]
            counts[name, frames] += 1
            site = Site(name, frames, bool(inside), ordinal)
            return meet(site, rule, args, kwargs, _meeting(meet, counts, (*inside, rule), sparing))

    return sparing(handler)


def yours(site: Site) -> tuple[Frame, ...]:
    """The frames outside any library, innermost first."""
    return tuple(frame for frame in site.frames if not _is_library(frame[0]))


def _frames() -> tuple[Frame, ...]:
    """What is inside the outermost frame of this package."""
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_stack(None)]
    ends = [i for i, (file, _) in enumerate(frames) if file.startswith(VERIFY)]
    return tuple(frame for frame in frames[: ends[-1]] if not frame[0].startswith(_MACHINERY))


def _definition(rule: Rule) -> tuple[Frame, ...]:
    """For a rule that is itself the program."""
    code = getattr(inspect.unwrap(rule), "__code__", None)
    return ((code.co_filename, code.co_firstlineno),) if code else ()


def _is_library(file: str) -> bool:
    return file.startswith(_LIBRARIES) or "site-packages" in file or "dist-packages" in file


_MACHINERY = (VERIFY, str(Path(PACKAGE, "_intercept.py")), str(Path(str(jax.__file__)).parent), "<frozen")
_FORWARD = str(Path(PACKAGE, "_forward.py"))
_LIBRARIES = (PACKAGE, sysconfig.get_paths()["stdlib"])
