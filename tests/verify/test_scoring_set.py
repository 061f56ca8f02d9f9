"""The scoring set is what it says: every wrong rule is wrong, every right rule is right."""

import jax
import pytest

from tests.helpers.case import bound, settings
from tests.helpers.witness import differs, doubled, gap, pullback, pullbacks, smooth
from tests.verify.scoring import ALL, HELD_OUT, SEEN

WRONG = [case for case in ALL if case.fault]
RIGHT = [case for case in ALL if not case.fault]
# Faults of these stages are found at other inputs or shapes only: the example must not show them.
HIDDEN = [case for case in WRONG if case.stage in ("S3", "S5", "S9", "S10")]
STAGES = {f"S{i}" for i in range(12)}


def test_the_set_is_large_and_split():
    """Names are unique, each stage has a wrong rule, and more than a quarter is held out."""
    assert len({case.name for case in ALL}) == len(ALL) == len(SEEN) + len(HELD_OUT)
    assert len(WRONG) >= 66
    assert len(RIGHT) >= 24
    assert {case.stage for case in SEEN if case.fault} == STAGES
    assert 1 / 4 < len(HELD_OUT) / len(ALL) < 1 / 2


@pytest.mark.slow
@pytest.mark.parametrize("case", WRONG, ids=lambda case: case.name)
def test_wrong_rule_is_wrong(case):
    with settings(case):
        assert case.witness()


@pytest.mark.slow
@pytest.mark.parametrize("case", HIDDEN, ids=lambda case: case.name)
def test_example_does_not_give_the_fault_away(case):
    f, args = bound(*case.make())
    assert not differs(lambda *args: doubled(args), tolerance=1e-4)(f, *args)


@pytest.mark.slow
@pytest.mark.parametrize("case", RIGHT, ids=lambda case: case.name)
def test_right_rule_is_right(case):
    """At a random smooth point in float64, or by its own witness where it is meant to be no derivative."""
    with settings(case):
        f, args = case.make()
        f, args, truth = bound(f, args, case.truth or case.reference)
        jax.eval_shape(lambda: pullback(f, args, compiled=False))
        if case.witness:
            assert case.witness()
            return
        args = (case.points or smooth)(args)
        assert gap(*pullbacks([f, truth or f.__wrapped__], args)) < case.tolerance
