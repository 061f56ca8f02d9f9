"""The scoring set is what it says: every wrong rule is wrong, every right rule is right."""

import pytest

from tests.verify.scoring import ALL

WRONG = [case for case in ALL if case.fault]


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case.name)
def test_wrong_rule_is_wrong(case):
    assert case.witness()
