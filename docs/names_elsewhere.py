"""Write names_elsewhere.md: each layer, loss and function of PyTorch, Keras, Flax and CS231n, and its name here.

A line of names_elsewhere.txt holds the other library's names, a colon, and then one of two:

- the name here, in backquotes,
- a dash and the reason why it is absent.

Every name in backquotes must exist, and every rule must be reached from a line.

Run: python docs/names_elsewhere.py   (--check fails if the page is not up to date)
"""

import re
import sys
from pathlib import Path

import funcnn as fn
from funcnn.rules._catalogue import catalogue

PAGE = Path(__file__).with_suffix(".md")
LISTS = Path(__file__).with_suffix(".txt")
HEAD = """# Where to find what you know

`docs/names_elsewhere.py` writes this page from `docs/names_elsewhere.txt`. A capitalised name is a class of that library.
"""
UNNAMED_ELSEWHERE = {"batch_norm_inference"}  # no other library has a name for it


def lists() -> dict[str, list[tuple[str, str]]]:
    """For each library the lines of its list: the names there, and the text after the colon."""
    sections = re.split(r"^# ", LISTS.read_text(), flags=re.MULTILINE)[1:]
    found = {}
    for section in sections:
        title, *lines = section.strip().splitlines()
        split = (line.partition(": ") for line in lines if line)
        found[title] = [(names, said) for names, _, said in split]
    return found


def names_here(said: str) -> list[str]:
    """The names of this library in a line; empty if the line says why the name is absent."""
    return [] if said.startswith("- ") else re.findall(r"`([a-z_0-9.]+)`", said)


def exists(name: str) -> bool:
    """Whether the package, its rules or its losses have the name."""
    owner, _, last = name.rpartition(".")
    return any(hasattr(place, last) for place in ([fn.losses] if owner == "losses" else [fn, fn.rules]))


def page() -> str:
    """The whole page.

    Raises:
      LookupError: a name does not exist, or no line reaches a rule.
    """
    parts, reached = [HEAD], set(UNNAMED_ELSEWHERE)
    for title, lines in lists().items():
        parts += [f"## {title}\n", "| there | here |", "| --- | --- |"]
        for names, said in lines:
            for name in names_here(said):
                if not exists(name):
                    raise LookupError(f"there is no {name}, named in the list of {title} for {names}")
                reached.add(name.rpartition(".")[2])
            parts.append(
                f"| {names.replace(' ', ', ')} | {said.replace('- ', 'absent: ', 1) if said[0] == '-' else said} |"
            )
        parts.append("")
    if missing := set(catalogue) - reached:
        raise LookupError(f"no line reaches: {', '.join(sorted(missing))}")
    return "\n".join(parts)


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.read_text() == page() else f"{PAGE.name} is not what {Path(__file__).name} writes: run it")
    PAGE.write_text(page())
