"""The pytest plugin of `funcnn.verify`: the fixture ``check_vjp``, and a test item for each rule of a module.

It lies outside the package, because importing that imports JAX. pytest loads every installed plugin in every run, and many
a conftest.py sets something before JAX is imported. So nothing of funcnn is imported before it is used.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from funcnn.verify import Report


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--check-vjp`` and ``--check-vjp-level``."""
    group = parser.getgroup("funcnn.verify")
    group.addoption("--check-vjp", action="append", default=[], metavar="MODULE",
                    help="check each custom rule of a package, a module or a file; repeatable")  # fmt: skip
    group.addoption("--check-vjp-level", choices=["fast", "full", "deep"], default="fast",
                    help="how thoroughly rules are checked (default: fast)")  # fmt: skip


@pytest.fixture
def check_vjp(request: pytest.FixtureRequest) -> Callable[..., "Report"]:
    """`funcnn.verify.check`, raising AssertionError with the whole report unless the rule passes.

    The level is that of ``--check-vjp-level`` unless one is given; with ``allow_inconclusive=True`` only a failure raises.
    """
    default = request.config.getoption("--check-vjp-level")

    def checked(f: Callable[..., Any], *args: Any, allow_inconclusive: bool = False, **options: Any) -> "Report":
        __tracebackhide__ = True
        from funcnn.verify import check

        report = check(f, *args, **{"level": default, **options})
        if not report.ok and not (allow_inconclusive and report.status == "inconclusive"):
            raise AssertionError(str(report))
        return report

    return checked


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the rules of the modules asked for, before -k and the like choose among all items."""
    targets = config.getoption("--check-vjp")
    if not targets:
        return
    from funcnn.verify.command._targets import TargetError, find, search

    for target in targets:
        try:
            found = search(target)
        except TargetError as error:
            raise pytest.UsageError(f"--check-vjp: {error}") from error
        for where in dict.fromkeys(where for where, _ in found.rules):
            names = [name for there, name in found.rules if there == where]
            module, _ = find(f"{where}:{names[0]}")
            items += session.genitems(_Module.from_parent(session, nodeid=module.__name__, target=where, names=names))


class _Module(pytest.Collector):
    """A module whose rules are the items."""

    def __init__(self, *, target: str, names: Iterable[str], **given: Any):
        super().__init__(given["nodeid"], **given)
        self.target, self.names = target, names

    def collect(self) -> "list[_Rule]":
        return [_Rule.from_parent(self, name=name, target=self.target) for name in self.names]


class _Rule(pytest.Item):
    """One rule; its test is the check."""

    def __init__(self, *, target: str, **given: Any):
        super().__init__(**given)
        self.target = target

    def runtest(self) -> None:
        from funcnn.verify.command._arguments import NoExampleError
        from funcnn.verify.command._tasks import check_named

        try:
            report = check_named(self.target, self.name, str(self.config.getoption("--check-vjp-level")))
        except NoExampleError as error:
            pytest.skip(str(error))
        if not report.ok:
            pytest.fail(str(report), pytrace=False)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The report; or in a line what kept the rule from being checked, whose traceback would be that of the checker."""
        if isinstance(excinfo.value, pytest.fail.Exception):
            return super().repr_failure(excinfo, style)
        return f"{self.name} cannot be checked: {type(excinfo.value).__name__}: {excinfo.value}"

    def reportinfo(self) -> tuple[str, None, str]:
        return self.nodeid.partition("::")[0], None, self.name
