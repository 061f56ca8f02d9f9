r"""Write the skeleton of a rule: its page, its line of the index and its entry of the catalogue.

The rule that it writes is y = x², so that every loop over the catalogue runs at once. What has to be said in words says
TODO, and tests/rules/test_places.py names every place that is still missing.

Run: make rule NAME=relu_squared ROOM=activations
"""

import re
import sys
from pathlib import Path

RULES = Path(__file__).parents[1] / "funcnn" / "rules"

PAGE = '''r"""TODO: what NAME is, in one sentence.

Forward
    y = x²                               x, y [...]

Backward
    x_bar = 2 x y_bar

Derivation
    dy = 2 x dx, so ⟨y_bar, dy⟩ = ⟨2 x y_bar, dx⟩. TODO

Residuals
    x. TODO: what is saved, and why that and nothing else.

Edges
    TODO: the declared value at every kink, tie, zero, infinity and empty axis.

Source
    TODO: a paper or a text, with the equation's number.
"""

import jax
from jax import Array

from .._common._checks import require_floating
from .._common._cotangent import cotangent
from .._common._precision import widen


@jax.custom_vjp
def NAME(x: Array) -> Array:
    """The square of each element of ``x`` (any shape, floating). TODO"""
    return NAME_fwd(x)[0]


def NAME_fwd(x):
    require_floating("NAME", x=x)
    y = widen(x) * widen(x)
    return y.astype(x.dtype), x


def NAME_bwd(x, y_bar):
    x_bar = 2 * widen(x) * widen(y_bar)
    return (cotangent(x_bar, x),)


NAME.defvjp(NAME_fwd, NAME_bwd)


def NAME_reference(x):
    return x**2
'''

ENTRY = '''"""What `rules/ROOM/_NAME.py` declares."""

from math import inf, nan

from ... import NAME
from .._arguments import ints
from .._entry import ELEMENTWISE, at, bad, rule

entries = [
    rule(
        NAME,
        examples=ELEMENTWISE,
        saves=["x"],
        edges=[
            at(x=0.0, y=0.0, x_bar=0.0),
            at(x=inf, y=inf, x_bar=inf),
            at(x=nan, y=nan, x_bar=nan),
        ],
        bad=[bad(TypeError, r"NAME: x must be a floating-point array, got int32\\[3\\]", x=ints(3))],
    ),
]
'''


def write_skeleton(name: str, room: str, rules: Path = RULES) -> list[Path]:
    """Write the three files of a rule and return them.

    Raises:
      ValueError: the name is not a lower-case identifier, or there is no such room.
      FileExistsError: the rule is there already.
    """
    rooms = sorted(path.parent.name for path in rules.glob("[!_]*/__init__.py"))
    if room not in rooms:
        raise ValueError(f"ROOM must be one of {', '.join(rooms)}, got {room!r}")
    if not name.isidentifier() or name != name.lower() or name.startswith("_"):
        raise ValueError(f"NAME must be a name like relu_squared, got {name!r}")
    page, entry, index = rules / room / f"_{name}.py", rules / "_catalogue" / room / f"{name}.py", rules / "__init__.py"
    there = [*_indexed(name, rules), *(path for path in (page, entry) if path.exists())]
    if there:
        raise FileExistsError(f"{name} is there already: {there[0].relative_to(rules.parents[1])}")
    for path, text in ((page, PAGE), (entry, ENTRY)):
        path.write_text(text.replace("NAME", name).replace("ROOM", room))
    line = f"from .{room}._{name} import {name} as {name}"
    lines = index.read_text().splitlines()
    place = next((i for i, other in enumerate(lines) if other.startswith("from .") and other > line), None)
    after_imports = max(i for i, other in enumerate(lines) if other.startswith("from .")) + 1
    lines.insert(after_imports if place is None else place, line)
    index.write_text("\n".join(lines) + "\n")
    return [page, entry, index]


def _indexed(name, rules):
    """The pages that the index takes the name from."""
    found = re.findall(rf"^from \.(\w+)\.(\w+) import {name} as", (rules / "__init__.py").read_text(), re.MULTILINE)
    return [rules / room / f"{page}.py" for room, page in found]


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print("make rule needs NAME=… and ROOM=…, as in: make rule NAME=relu_squared ROOM=activations", file=sys.stderr)
        return 2
    try:
        written = write_skeleton(*arguments)
    except (ValueError, FileExistsError) as error:
        print(f"make rule: {error}", file=sys.stderr)
        return 2
    for path in written:
        print(f"wrote {path.relative_to(RULES.parents[1])}")
    print("next: .venv/bin/pytest tests/rules/test_places.py names every place that is still missing")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
