"""``python -m funcnn.verify``: check the rules of any module from the command line; without one, those of this library."""

import sys
import warnings
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from .command import _our_rules
from .command._targets import TargetError, search
from .command._tasks import HEADS, check_target, run, tasks, write
from .stages._table import LEVELS


def main(argv: Sequence[str] | None = None) -> int:
    """Check, print and write; 1 if any rule is wrong, 2 if there is nothing to check, else 0."""
    options = _parser().parse_args(argv)
    jobs = options.jobs or (2 if not options.targets and len(_our_rules.catalogue) > 8 else 1)
    try:
        names = _names(options)
        ours = all(_our_rules.has_entry(*rule) for rule in names)
        work, heads = (_our_rules.check_entry, _our_rules.HEADS) if ours else (check_target, HEADS)
        todo = tasks(names, options.level, options.seed, options.budget, jobs)
        reports = run(work, todo, heads, jobs)
    except TargetError as error:
        print(f"funcnn.verify: {error}", file=sys.stderr)
        return 2
    write(reports, options.html, options.json)
    return int(any(report.status == "fail" for report in reports))


def _parser() -> ArgumentParser:
    parser = ArgumentParser("python -m funcnn.verify", description="Check hand-written derivative rules.")
    target = (
        "a package (its submodules are searched too), package.module or file.py, with :name for one function of it "
        "(default: this library's own rules)"
    )
    parser.add_argument("targets", nargs="*", metavar="target", help=target)
    parser.add_argument(
        "--level", choices=list(LEVELS), default="fast", help="how thorough the checks are (default: fast)"
    )
    parser.add_argument("--html", type=_file, metavar="FILE", help="write an HTML page of all reports")
    parser.add_argument("--json", type=_file, metavar="FILE", help="write the reports as JSON")
    parser.add_argument("--budget", type=float, metavar="SECONDS", help="the time that the whole run may take")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of all random numbers (default: 0)")
    parser.add_argument(
        "--jobs", type=_count, metavar="N", help="worker processes (default: 1, or 2 for the whole library)"
    )
    return parser


def _file(text: str) -> Path:
    path = Path(text)
    if not path.parent.is_dir():
        raise ValueError
    return path


def _count(text: str) -> int:
    if int(text) < 1:
        raise ValueError
    return int(text)


_file.__name__, _count.__name__ = "file in an existing folder", "number above 0"  # as argparse names them in its errors


def _names(options: Namespace) -> list[tuple[str, str]]:
    """Where each rule is and what it is called; says which submodules of a package cannot be searched."""
    if not options.targets:
        return [(_our_rules.PLACE, name) for name in _our_rules.catalogue]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of modules that are imported
        found = [search(target) for target in options.targets]
    for line in (line for each in found for line in each.unread):
        print(f"funcnn.verify: {line}", file=sys.stderr)
    return [rule for each in found for rule in each.rules]


if __name__ == "__main__":
    # By the module's own name, under which worker processes can find its functions; they cannot under "__main__".
    from .__main__ import main as named_main

    sys.exit(named_main())
