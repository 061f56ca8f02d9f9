"""``python -m funcnn.verify`` prints a row a rule, tells each that did not pass, and says it by its exit status too."""

import inspect
import json
import re
import subprocess
import sys
import time

import jax
import pytest

from funcnn.rules._catalogue import catalogue
from funcnn.verify import __main__ as command
from funcnn.verify.command import _our_rules, _tasks
from funcnn.verify.report._report import LEFT_OUT, Finding, Report
from tests.helpers import three_rules

OPS = inspect.getsource(three_rules)
CHEAP = {"tanh", "squared_error", "sigmoid_cross_entropy"}


@pytest.fixture
def ops(tmp_path, monkeypatch):
    """The path of a module with a right rule, a wrong one, and one of which no example can be guessed."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    path = tmp_path / "some_ops.py"
    path.write_text(OPS)
    yield str(path)
    sys.modules.pop("some_ops", None)


@pytest.fixture
def _few(monkeypatch):
    """test_promises.py goes through all of the catalogue; here three rules show what is printed."""
    for name in set(catalogue) - CHEAP:
        monkeypatch.delitem(catalogue, name)


@pytest.fixture
def _fast(monkeypatch):
    """Every check calls the function once, and passes."""

    def check(f, *args, level="full", seed=0, budget=None, surrogate=False):
        f(*args)
        return Report("f", (), ("S0 contract",), (), 0.0, f"level {level} seed {seed} budget {budget}")

    monkeypatch.setattr(_tasks, "check", check)
    monkeypatch.setattr(_our_rules, "check", check)


@pytest.mark.slow
def test_a_module_is_checked_rule_by_rule(ops, capsys, tmp_path):
    html, data = tmp_path / "page.html", tmp_path / "data.json"
    assert command.main([ops, "--html", str(html), "--json", str(data)]) == 1
    printed = capsys.readouterr().out
    rows = [line.split()[:2] for line in printed.splitlines()[:4]]
    assert rows == [["rule", "status"], ["right", "pass"], ["wrong", "fail"], ["unknown", "inconclusive"]]
    assert "guessed: float32[5]" in printed.splitlines()[1]
    assert "a factor of 0.5" in printed
    assert f"again: python -m funcnn.verify {ops}:wrong --level fast --seed 0" in printed
    assert re.search(r"INCONCLUSIVE +no example arguments, .*: define check_vjp_examples in some_ops", printed)
    assert printed.splitlines()[-1] == "3 rules: 1 failed (wrong), 1 inconclusive (unknown), 1 passed"
    assert "a factor of 0.5" in html.read_text()
    reports = json.loads(data.read_text())["reports"]
    assert [report["status"] for report in reports] == ["pass", "fail", "inconclusive"]


def test_one_rule_may_be_named_and_what_is_inconclusive_does_not_fail(ops, capsys):
    assert command.main([f"{ops}:unknown"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 rule: 1 inconclusive (unknown)"


@pytest.mark.usefixtures("_fast")
def test_options_reach_the_check(ops, capsys, monkeypatch):
    seen = []
    check = _tasks.check
    monkeypatch.setattr(_tasks, "check", lambda f, *args, **options: seen.append(options) or check(f, *args, **options))
    assert command.main([f"{ops}:right", f"{ops}:wrong", "--level", "deep", "--seed", "3", "--budget", "100"]) == 0
    assert [(options["level"], options["seed"]) for options in seen] == [("deep", 3)] * 2
    assert seen[0]["budget"] == pytest.approx(50, abs=5)
    assert seen[1]["budget"] == pytest.approx(100, abs=10)
    assert "2 rules: 2 passed" in capsys.readouterr().out


@pytest.mark.usefixtures("_fast")
def test_rules_that_the_budget_does_not_reach_are_listed(ops, capsys):
    assert command.main([ops, "--budget", "0"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("budget spent") == 3
    assert printed.endswith("3 rules: 3 inconclusive (right, wrong, unknown)\n")


def test_the_examples_of_a_rule_share_its_budget_and_must_all_pass(ops, monkeypatch):
    with open(ops, "a") as file:
        file.write("\ncheck_vjp_examples = {'right': [(jnp.ones(3),), (jnp.ones(4),)]}\n")
    found = {3: (), 4: (Finding("S2", "fail", "off"),)}
    seen = []

    def check(f, x, *, level, seed, budget):
        seen.append(budget)
        return Report("f", found[x.size], ("S0", "S1") if x.size == 3 else ("S0",), (("S9", "no"),), 1.0, "")

    monkeypatch.setattr(_tasks, "check", check)
    task = _tasks.Task(ops, "right", "right", "fast", 0, time.time() + 10, 1.0)
    report = _tasks.check_target(task).report
    assert seen == [pytest.approx(5, abs=0.5)] * 2
    assert (report.name, report.status, report.passed, report.skipped) == ("right", "fail", ("S0",), (("S9", "no"),))


@pytest.mark.slow
def test_an_option_that_any_example_gives_was_run(ops):
    with open(ops, "a") as file:
        file.write("""
def scaled(x, scale=2.0, shift=None):
    return right(scale * x)

check_vjp_examples = {"scaled": [(jnp.ones(3),), (jnp.ones(3), 0.5)]}
""")
    report, cells, _ = _tasks.check_target(_tasks.Task(ops, "scaled", "scaled", "fast", 0, None, 1.0))
    assert [name for name, why in report.skipped if why == LEFT_OUT] == ["shift"]
    assert cells[-1] == "check_vjp_examples, without shift"


def test_a_rule_that_raises_keeps_no_other_from_being_checked(ops, monkeypatch):
    def check(*args, **options):
        raise RuntimeError("out of\nluck")

    monkeypatch.setattr(_tasks, "check", check)
    report = _tasks.check_target(_tasks.Task(ops, "right", "right", "fast", 0, None, 1.0)).report
    assert report.findings[0].message == "it cannot be checked: RuntimeError: out of"
    assert report.status == "inconclusive"


@pytest.mark.usefixtures("_fast")
def test_warnings_are_told_once_and_after_the_rows(ops, capsys, recwarn):
    with open(ops, "a") as file:
        file.write("""
import warnings
warnings.warn("on import")
@jax.custom_jvp
def loud(x):
    warnings.warn("as it is traced")
    return x
loud.defjvps(lambda t, y, x: t)
""")
    assert command.main([f"{ops}:loud", f"{ops}:right", f"{ops}:loud"]) == 0
    printed, error = capsys.readouterr()
    assert [line.split()[0] for line in printed.splitlines()[:4]] == ["rule", "loud", "right", "loud"]
    assert printed.endswith("\nwarnings:\nUserWarning: as it is traced\n\n3 rules: 3 passed\n")
    assert (error, len(recwarn)) == ("", 0)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The name of a package with rules in its submodules, one of which cannot be imported."""
    monkeypatch.syspath_prepend(tmp_path)
    for name, text in {"__init__": "", "_one": OPS, "deep/__init__": "", "deep/_two": OPS, "deep/__main__": "1 / 0",
                       "broken": "1 / 0"}.items():  # fmt: skip
        path = tmp_path / "some_package" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    yield "some_package"
    for name in [name for name in sys.modules if name.startswith("some_package")]:
        del sys.modules[name]


@pytest.mark.usefixtures("_fast")
def test_a_package_is_searched_with_its_submodules(package, capsys):
    assert command.main([package]) == 0
    printed, error = capsys.readouterr()
    names = [f"some_package.{part}:{name}" for part in ("_one", "deep._two") for name in ("right", "wrong", "unknown")]
    assert [line.split()[0] for line in printed.splitlines()[1:7]] == names
    assert "6 rules: 2 inconclusive (some_package._one:unknown, some_package.deep._two:unknown), 4 passed" in printed
    assert error == "funcnn.verify: cannot import some_package.broken: ZeroDivisionError: division by zero\n"


def test_a_package_without_rules_says_what_could_not_be_searched(package, tmp_path, capsys):
    for path in (tmp_path / "some_package").rglob("_*.py"):
        path.write_text("")
    assert command.main([package]) == 2
    error = capsys.readouterr().err
    assert "some_package and its submodules define no custom_vjp or custom_jvp function; cannot import" in error


@pytest.mark.slow
@pytest.mark.usefixtures("_few", "_fast")
def test_without_a_target_the_catalogue_is_checked(capsys):
    assert command.main([]) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[0].split() == ["rule", "examples", "value", "cotangent", "status", "seconds"]
    assert [line.split()[0] for line in printed.splitlines()[1:4]] == [name for name in catalogue if name in CHEAP]
    assert printed.endswith("3 rules: 3 passed\n")


@pytest.mark.slow
@pytest.mark.usefixtures("_fast")
def test_a_rule_of_the_catalogue_is_checked_alone(capsys):
    assert command.main(["funcnn.rules:rope", "funcnn.rules.activations._tanh:tanh"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[:3]]
    assert [rows[0][2], rows[1][0], rows[2][0]] == ["value", "funcnn.rules:rope", "funcnn.rules.activations._tanh:tanh"]
    assert max(float(row[2]) for row in rows[1:]) < 1e-12


@pytest.mark.slow
@pytest.mark.usefixtures("_few", "_fast")
def test_a_rule_of_the_catalogue_that_differs_from_its_reference_fails(capsys, monkeypatch):
    tanh = catalogue["tanh"]
    wrong = jax.custom_vjp(tanh.rule.__wrapped__)
    wrong.__name__ = "tanh"
    wrong.defvjp(tanh.rule.fwd, lambda y, y_bar: (y_bar * (1 - y),))
    monkeypatch.setitem(catalogue, "tanh", tanh._replace(rule=wrong))
    assert command.main([]) == 1
    assert capsys.readouterr().out.endswith("3 rules: 1 failed (tanh), 2 passed\n")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_value_that_is_not_finite_fails(bad):
    assert _our_rules._largest([1.0, bad], [1.0, 2.0]) == float("inf")


BAD = [
    (["no_such_module"], "funcnn.verify: cannot import no_such_module: ModuleNotFoundError: No module .*\n"),
    (["{ops}:left"], "funcnn.verify: .*some_ops.py has no left; its rules: right, wrong, unknown\n"),
    (["math"], "funcnn.verify: math defines no custom_vjp or custom_jvp function\n"),
    (["math", "--html", "no/such/folder.html"], ".*error: argument --html: invalid file in an existing folder value: .*\n"),
    (["math", "--level", "thorough"], ".*error: argument --level: invalid choice: 'thorough'.*\n"),
    (["math", "--jobs", "0"], ".*error: argument --jobs: invalid number above 0 value: '0'\n"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "message"), BAD)
def test_bad_usage_is_told_in_a_line_and_by_status_2(words, message, ops, capsys):
    try:
        status = command.main([word.format(ops=ops) for word in words])
    except SystemExit as stop:
        status = stop.code
    out, error = capsys.readouterr()
    assert (status, out) == (2, "")
    assert re.search(f"^{message}$", error, re.MULTILINE)


@pytest.mark.usefixtures("_fast")
def test_a_bad_declaration_is_bad_usage(ops, capsys):
    with open(ops, "a") as file:
        file.write("\ncheck_vjp_examples = {'right': 3}\n")
    assert command.main([ops]) == 2
    assert "must be a tuple of arguments or a list of them, got int" in capsys.readouterr().err


@pytest.mark.slow
def test_processes_side_by_side_tell_the_same(ops):
    words = [sys.executable, "-m", "funcnn.verify", f"{ops}:wrong", f"{ops}:unknown", "--jobs", "2"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[-1] == "2 rules: 1 failed (wrong), 1 inconclusive (unknown)"
    assert "Traceback" not in done.stderr
