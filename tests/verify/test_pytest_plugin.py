"""The pytest plugin: a fixture that raises with the whole report, and a test item for each rule of a module."""

import importlib
import inspect
import subprocess
import sys
import tomllib
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from funcnn.verify import check
from tests.helpers import three_rules

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
OPS = (
    inspect.getsource(three_rules)
    + """
@jax.custom_vjp
def raising(x): raise RuntimeError("never")
raising.defvjp(lambda x: (raising(x), None), lambda _, g: (g,))
check_vjp_examples = {"raising": (jnp.ones(3),)}
"""
)
TESTS = """
import jax.numpy as jnp
import pytest
from plugin_ops import right, wrong

def test_right(check_vjp):
    assert check_vjp(right, jnp.ones(3)).status == "pass"

def test_wrong(check_vjp):
    check_vjp(wrong, jnp.ones(3))

def test_late(check_vjp):
    check_vjp(right, jnp.ones(3), budget=0.0)

def test_late_allowed(check_vjp):
    assert check_vjp(right, jnp.ones(3), budget=0.0, allow_inconclusive=True).status == "inconclusive"
"""


@pytest.fixture(scope="module")
def _all_imported():
    """What JAX imports late must not be forgotten after an inner run, which restores sys.modules."""
    check(jax.nn.relu, jnp.ones(2), level="fast", everything=True)


@pytest.fixture
def run(pytester, monkeypatch, _all_imported):
    """Runs pytest, with the plugin, in a folder that has the module ``plugin_ops``."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # installed or not, the plugin is loaded once
    pytester.makepyfile(plugin_ops=OPS)
    pytester.syspathinsert()

    def run(*words):
        return pytester.runpytest_inprocess("-p", "funcnn_verify", "-rs", *words)

    return run


def test_every_rule_of_a_module_is_a_test(run):
    result = run("--check-vjp", "plugin_ops", "-v")
    result.assert_outcomes(passed=1, failed=2, skipped=1)
    result.stdout.fnmatch_lines([
        "*collected 4 items", "plugin_ops::right PASSED*", "plugin_ops::wrong FAILED*", "plugin_ops::unknown SKIPPED*",
        "plugin_ops::raising FAILED*",
    ])  # fmt: skip
    result.stdout.fnmatch_lines(
        ["wrong: FAIL (*", "*a factor of 0.5*", "*again: python -m funcnn.verify plugin_ops:wrong*"]
    )
    result.stdout.fnmatch_lines(["raising cannot be checked: ValueError: *f raises RuntimeError: never"])
    result.stdout.fnmatch_lines(["SKIPPED*no example arguments*define check_vjp_examples in plugin_ops"])
    result.stdout.no_fnmatch_line("*_tasks.py*")
    result.stdout.no_fnmatch_line("*another exception*")


def test_a_file_or_one_rule_may_be_named_and_items_chosen(run):
    result = run(
        "--check-vjp", "plugin_ops.py", "--check-vjp", "plugin_ops:unknown", "-k", "unknown", "--collect-only", "-q"
    )
    assert result.outlines[:2] == ["plugin_ops::unknown", "plugin_ops::unknown"]


def test_the_fixture_raises_with_the_report_unless_the_rule_passes(run, pytester):
    pytester.makepyfile(TESTS)
    result = run()
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(["E*AssertionError: wrong: FAIL*", "E*a factor of 0.5*"])
    result.stdout.fnmatch_lines(["E*AssertionError: right: INCONCLUSIVE*", "E*the time budget was spent*"])
    result.stdout.no_fnmatch_line("*raise AssertionError*")


def test_the_level_is_an_option(run, pytester):
    pytester.makepyfile("""
        def test_level(check_vjp, monkeypatch):
            import funcnn.verify
            seen = []
            class Passed: ok = True
            monkeypatch.setattr(funcnn.verify, "check", lambda *args, **options: seen.append(options) or Passed)
            check_vjp(None)
            check_vjp(None, level="deep", seed=3)
            assert seen == [{"level": "full"}, {"level": "deep", "seed": 3}]
    """)
    run("--check-vjp-level", "full").assert_outcomes(passed=1)


def test_a_bad_module_is_bad_usage(run):
    result = run("--check-vjp", "no_such_module")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --check-vjp: cannot import no_such_module: ModuleNotFoundError: *"])


def test_the_plugin_imports_nothing_heavy():
    code = "import sys, funcnn_verify; print(*sorted({'jax', 'numpy', 'tqdm', 'funcnn'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "\n", "")


def test_the_plugin_is_packed_and_announced():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (module,) = project["project"]["entry-points"]["pytest11"].values()
    assert importlib.import_module(module).check_vjp
    for target in ("wheel", "sdist"):
        packed = project["tool"]["hatch"]["build"]["targets"][target]
        assert f"{module}.py" in packed.get("only-include", []) + packed.get("include", [])
