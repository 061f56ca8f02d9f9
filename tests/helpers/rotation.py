"""What takes long takes turns: of the tests marked ``rotating`` a run keeps a sixth, of those marked ``slow`` a third.

The commit draws which.

- ``--all`` keeps every test.
- ``--quick`` keeps none of these.
- ``--third`` keeps of all other tests a third, too.
- ``FUNCNN_ROTATION=0`` … ``5`` keeps that part.
- A test that is asked for by name, as ``file.py::test`` or by ``-k``, is always kept.
"""

import hashlib
import importlib.metadata
import os
import subprocess
from pathlib import Path

PARTS = 6


def part(text: str, parts: int = PARTS) -> int:
    """The part that a test or a commit belongs to: the same in every process, on every machine."""
    return int(hashlib.sha256(text.encode()).hexdigest(), 16) % parts


def kept(nodeid: str, drawn: int) -> bool:
    """Whether a case belongs to the part drawn."""
    return part(nodeid) == drawn


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
    group.addoption("--all", action="store_true", help="keep every case of the rotating tests")
    group.addoption("--third", action="store_true", help="keep a sixth of the rotating tests and a third of the others")
    group.addoption("--quick", action="store_true", help="leave out rotating and slow tests")


def pytest_report_header(config):
    if config.option.all:
        return "rotating tests: all of them"
    if config.option.quick:
        return "rotating and slow tests: left out"
    drawn, by = drawn_part()
    again = f"FUNCNN_ROTATION={drawn} draws it again, --all runs all"
    return f"rotating tests: part {drawn} of 0 … {PARTS - 1}, by {by}; {again}"


def pytest_collection_modifyitems(config, items):
    by_name = config.option.keyword or any("::" in arg for arg in config.args)
    if config.option.all or by_name:
        return
    drawn, _ = drawn_part()
    near = {drawn, (drawn + 1) % PARTS}
    everything = near if config.option.third else {*range(PARTS)}
    parts = {"rotating": set(), "slow": set()} if config.option.quick else {"rotating": {drawn}, "slow": near}
    mark = lambda item: next((mark for mark in parts if any(item.iter_markers(mark))), None)
    keep = lambda item: part(item.nodeid) in parts.get(mark(item), everything)
    config.hook.pytest_deselected(items=[item for item in items if not keep(item)])
    items[:] = list(filter(keep, items))
