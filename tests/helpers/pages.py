"""The code blocks of a page in Markdown, run one after another, and what the page says that they print."""

import re
import subprocess
import sys
from collections.abc import Callable, Collection
from pathlib import Path

ROOT = Path(__file__).parents[2]


def blocks(text: str) -> list[tuple[str, str]]:
    """The language and the content of each block."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def sections(text: str) -> dict[str, str]:
    """The sections by their titles."""
    _, *parts = re.split(r"^## (.*)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def python(text: str) -> list[str]:
    """The code blocks."""
    return [code for language, code in blocks(text) if language == "python"]


def expected(text: str) -> list[str]:
    """What each code block is to print: the text block behind it, if there is one."""
    pairs = zip(blocks(text), [*blocks(text)[1:], ("", "")], strict=True)
    return [after if kind == "text" else "" for (language, _), (kind, after) in pairs if language == "python"]


def require_printed(text: str, shown: Collection[str] = (), clean: Callable[[str], str] = str) -> None:
    """Raise unless each code block prints what the page says.

    Args:
      text: the page, or a section of it.
      shown: blocks that are shown and not run.
      clean: takes out of both what may differ.
    """
    script = "\nprint('----')\n".join("pass" if code in shown else code for code in python(text))
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert run.returncode == 0, run.stderr
    assert [clean(printed) for printed in run.stdout.split("----\n")] == [clean(said) for said in expected(text)]
