"""``python -m funcnn.verify`` prints a row a rule, and fails when a rule is wrong."""

import jax
import pytest

from funcnn.rules._catalogue import catalogue
from funcnn.verify import __main__ as command


@pytest.fixture(autouse=True)
def _a_few_rules(monkeypatch):
    """test_promises.py goes through all of them; here three show what is printed."""
    for name in set(catalogue) - {"tanh", "squared_error", "sigmoid_cross_entropy"}:
        monkeypatch.delitem(catalogue, name)


def test_every_rule_passes(capsys):
    assert command.main() == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in catalogue)
    assert "all 3 rules agree" in printed


def test_a_wrong_rule_fails(capsys, monkeypatch):
    tanh = catalogue["tanh"]
    wrong = jax.custom_vjp(tanh.rule.__wrapped__)
    wrong.__name__ = "tanh"
    wrong.defvjp(tanh.rule.fwd, lambda y, y_bar: (y_bar * (1 - y),))
    monkeypatch.setitem(catalogue, "tanh", tanh._replace(rule=wrong))
    assert command.main() == 1
    assert capsys.readouterr().out.rstrip().endswith("WRONG: tanh")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_value_that_is_not_finite_fails(bad):
    assert command._largest([1.0, bad], [1.0, 2.0]) == float("inf")
