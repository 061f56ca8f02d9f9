"""The benchmark of public rules is sound without the packages: its table, and how it proves a fault."""

import jax
import jax.numpy as jnp
import pytest

from benchmarks.public_rules.__main__ import having, row, unexpected
from benchmarks.public_rules._environments import ENVIRONMENTS, named
from benchmarks.public_rules._evidence import prove
from benchmarks.public_rules._rule import Call, Rule, Slope, Value
from benchmarks.public_rules._rules import RULES


@jax.custom_jvp
def norm(x):
    """Its value at 0 is √d under differentiation, and its slope is 0 in the last element."""
    return jnp.linalg.norm(x)


@norm.defjvp
def _(primals, tangents):
    (x,), (x_dot,) = primals, tangents
    filled = jnp.where(jnp.all(x == 0), 1.0, x)
    y = jnp.linalg.norm(filled)
    return y, jnp.vdot((filled / y).at[-1].set(0.0), x_dot)


CALL = Call(norm, (jnp.ones(3),))


def test_every_rule_has_an_environment_and_a_name_of_its_own():
    assert len({rule.name for rule in RULES}) == len(RULES) >= 40
    assert len({rule.package for rule in RULES}) >= 12
    asked = [rule for environment in ENVIRONMENTS for rule in having(environment, list(RULES))]
    assert sorted(rule.name for rule in asked) == sorted(rule.name for rule in RULES)


def test_every_package_is_pinned_once_in_an_environment():
    for environment in ENVIRONMENTS:
        assert all("==" in requirement for requirement in environment.packages)
        assert len(set(map(named, environment.packages))) == len(environment.packages)


def test_a_rule_expected_to_fail_has_a_finding_and_evidence():
    for rule in RULES:
        assert rule.expected in ("pass", "fail", "inconclusive"), rule.name
        assert bool(rule.evidence) >= (rule.expected == "fail"), rule.name
        assert bool(rule.finding) >= bool(rule.evidence), rule.name


@pytest.mark.parametrize(
    ("evidence", "rule", "truth"),
    [
        (Value(([0.0, 0.0, 0.0],)), 3**0.5, 0.0),
        (Slope(([3.0, 0.0, 4.0],), element=2), 0.0, 0.8),
        (Slope(([3.0, 0.0, 4.0],), element=2, forward=True), 0.0, 0.8),
    ],
)
def test_a_fault_is_proven_by_the_values_alone(evidence, rule, truth):
    proof = prove(CALL, evidence)
    assert proof.holds
    assert (proof.rule, proof.truth) == pytest.approx((rule, truth), rel=1e-8)


@pytest.mark.parametrize(
    "evidence",
    [
        Value(([3.0, 0.0, 4.0],)),
        Slope(([3.0, 0.0, 4.0],)),
        Slope(([4e-4, 0.0, 0.0],), size=1.0),  # a kink within the steps, which do not agree
    ],
)
def test_what_is_right_or_not_known_is_no_proof(evidence):
    assert not prove(CALL, evidence).holds


def test_what_differs_from_the_table_is_said():
    rule = Rule("package", "package.norm", "package/norm.py", lambda: CALL, "fail", "√d", (Value(([0.0],)),))
    answer = {"status": "pass", "version": "1", "jax": "2", "seconds": 1.0, "text": "", "proofs": []}
    assert "**pass**, not fail" in row(rule, answer)
    assert list(unexpected(rule, {})) == ["package.norm: not run"]
    assert len(list(unexpected(rule, {rule.name: answer}))) == 2
    proof = [{"text": "", "holds": True}]
    assert not list(unexpected(rule, {rule.name: answer | {"status": "fail", "proofs": proof}}))
