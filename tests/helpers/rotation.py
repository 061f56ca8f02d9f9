"""What takes long takes turns: of the tests marked ``slow`` a run keeps one of a hundred parts, and the commit draws which.

- ``--parts 3`` keeps three of the hundred, ``--parts 100`` every test, ``--parts 0`` none of these.
- ``--third`` keeps of all other tests a third, too.
- ``FUNCNN_ROTATION=0`` … ``99`` begins with that part.
- A test that is asked for by name, as ``file.py::test`` or by ``-k``, is always kept.
"""

import hashlib
import importlib.metadata
import os
import subprocess
from pathlib import Path

PARTS = 100


def part(text: str, parts: int = PARTS) -> int:
    """The part that a test or a commit belongs to: the same in every process, on every machine."""
    return int(hashlib.sha256(text.encode()).hexdigest(), 16) % parts


def kept(nodeid: str, drawn: int, parts: int = 1) -> bool:
    """Whether a case belongs to the parts drawn: so many, from that one on."""
    return (part(nodeid) - drawn) % PARTS < parts


def drawn_part() -> tuple[int, str]:
    """The part of this run and what it was drawn by: the environment, the commit or the package's version."""
    if "FUNCNN_ROTATION" in os.environ:
        return int(os.environ["FUNCNN_ROTATION"]) % PARTS, "FUNCNN_ROTATION"
    name, by = drawn_by()
    return part(name), by


def drawn_number(numbers: int) -> int:
    """A number below that many, which the commit draws."""
    return part(drawn_by()[0], numbers)


def drawn_by() -> tuple[str, str]:
    """What a run draws by, the commit or the package's version, and how it is called."""
    here = Path(__file__).parent
    git = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=here, check=False)
    commit = git.stdout.strip()
    if git.returncode == 0:
        return commit, f"commit {commit[:12]}"
    version = importlib.metadata.version("funcnn")
    return version, f"version {version}"


def pytest_addoption(parser):
    group = parser.getgroup("rotation")
    choices = range(PARTS + 1)
    group.addoption("--parts", type=int, default=1, choices=choices, help="how many parts of the slow tests to keep")
    group.addoption("--third", action="store_true", help="keep a third of the other tests only")


def pytest_report_header(config):
    if config.option.parts in (0, PARTS):
        return f"slow tests: {'all of them' if config.option.parts else 'left out'}"
    drawn, by = drawn_part()
    again = f"FUNCNN_ROTATION={drawn} draws it again, --parts {PARTS} runs all"
    return f"slow tests: {config.option.parts} of {PARTS} parts, from {drawn} on, by {by}; {again}"


def pytest_collection_modifyitems(config, items):
    by_name = config.option.keyword or any("::" in arg for arg in config.args)
    if by_name:
        return
    drawn, _ = drawn_part()
    others = PARTS // 3 if config.option.third else PARTS
    parts = lambda item: config.option.parts if any(item.iter_markers("slow")) else others
    keep = lambda item: kept(item.nodeid, drawn, parts(item))
    config.hook.pytest_deselected(items=[item for item in items if not keep(item)])
    items[:] = list(filter(keep, items))
