"""Writes docs/names_elsewhere.md: what PyTorch, Keras, Flax and CS231n call a layer, a loss or a function, and what it is here.

The lists are in docs/names_elsewhere.txt: their names, a colon, and where that is found here, in backquotes; or, after a dash, why
it is not. Every name in backquotes must exist, and every rule of the catalogue must be found from somewhere.

Run: python docs/names_elsewhere.py   (--check fails if the page is not what this would write)
"""

import re
import sys
from pathlib import Path

import funcnn as fn
from funcnn.rules._catalogue import catalogue

PAGE = Path(__file__).with_suffix(".md")
LISTS = Path(__file__).with_suffix(".txt")
HEAD = """# Where to find what you know

Made by `docs/names_elsewhere.py` from the lists in `docs/names_elsewhere.txt`. A name in capitals is a class of that library.
"""
CALLED_BY_A_LAYER = {"batch_norm_inference"}  # no other library has a name for it


def lists() -> dict[str, list[tuple[str, str]]]:
    """For each library the lines of its list: their names, and what is said of them."""
    sections = re.split(r"^# ", LISTS.read_text(), flags=re.MULTILINE)[1:]
    found = {}
    for section in sections:
        title, *lines = section.strip().splitlines()
        split = (line.partition(": ") for line in lines if line)
        found[title] = [(names, said) for names, _, said in split]
    return found


def names_here(said: str) -> list[str]:
    """The names of this library that a line points to; none if it says why there is none."""
    return [] if said.startswith("- ") else re.findall(r"`([a-z_0-9.]+)`", said)


def exists(name: str) -> bool:
    """Whether there is such a name in the package, its rules, or its losses."""
    owner, _, last = name.rpartition(".")
    return any(hasattr(place, last) for place in ([fn.losses] if owner == "losses" else [fn, fn.rules]))


def page() -> str:
    """The whole page.

    Raises:
      LookupError: a name does not exist, or a rule of the catalogue is found from nowhere.
    """
    parts, reached = [HEAD], set(CALLED_BY_A_LAYER)
    for title, lines in lists().items():
        parts += [f"## {title}\n", "| there | here |", "| --- | --- |"]
        for names, said in lines:
            for name in names_here(said):
                if not exists(name):
                    raise LookupError(f"there is no {name}, to which {title} is pointed: {names}")
                reached.add(name.rpartition(".")[2])
            parts.append(
                f"| {names.replace(' ', ', ')} | {said.replace('- ', 'absent: ', 1) if said[0] == '-' else said} |"
            )
        parts.append("")
    if missing := set(catalogue) - reached:
        raise LookupError(f"found from nowhere: {', '.join(sorted(missing))}")
    return "\n".join(parts)


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.read_text() == page() else f"{PAGE.name} is not what {Path(__file__).name} writes: run it")
    PAGE.write_text(page())
