"""What an audit found has a status, and is text, JSON and HTML."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from funcnn.verify import Audit, AuditRow, audit
from tests.helpers.case import from_output

pytestmark = pytest.mark.slow

X = jnp.asarray(np.random.default_rng(0).normal(size=(8, 6)), jnp.float32)


def test_the_status_is_the_worst_that_matters():
    judged = lambda *statuses: Audit(tuple(AuditRow("f", "f.py", 1, 1, {}, 0, status, "") for status in statuses))
    assert judged("pass", "inconclusive").ok
    assert judged().ok
    assert judged("inconclusive").status == "inconclusive"
    assert judged("pass", "inconclusive", "fail").status == "fail"
    judged("pass").raise_for_failure()
    for statuses in (("inconclusive",), ("pass", "fail")):
        with pytest.raises(AssertionError, match=r"f f\.py:1 "):
            judged(*statuses).raise_for_failure()


def test_the_report_is_text_json_and_html():
    report = audit(lambda x: jnp.sum(from_output(jnp.tanh, lambda y: jnp.float32(np.inf))(x)), X)
    data = json.loads(report.to_json())
    assert (data["status"], data["rows"][0]["errors"], data["rows"][0]["line"]) == (
        "fail", {"args[0]": "inf"}, report.rows[0].line)  # fmt: skip
    row = report.rows[0]._replace(name="<b>")
    assert "<td>&lt;b&gt;</td>" in report._replace(rows=(row,))._repr_html_()


def test_a_program_without_rules_says_so():
    assert audit(jnp.sum, X).rows == ()
    assert "no custom rule" in str(audit(jnp.sum, X))
