"""A rule is as exact as its page declares: of one number over all of half precision, and over 2²² of float32.

Which of float32, each commit draws; `python -m benchmarks.every_number` measures them all. A rule of several numbers is
held at random and adversarial points, of which `python -m benchmarks.many_points` takes more.
"""

import json
import math
import re
import sys

import jax
import jax.numpy as jnp
import pytest

from benchmarks.every_number import RESULTS, code_of
from funcnn.rules._catalogue import catalogue
from tests.helpers.accuracy import UNARY, errors, numbers, rule_of
from tests.helpers.accuracy_at_points import measured
from tests.helpers.cases_at_points import CASES
from tests.helpers.rotation import drawn_number

TURNS = 1024
POINTS = 1024
LINE = (
    r"^    {name}: value within ([\d.]+) ulp(?: \(by JAX 0\.10: ([\d.]+)\))?, {what} within ([\d.]+);"
    r" in half precision ([\d.]+) and ([\d.]+){where}\.$"
)
MEASURED_ELSEWHERE = {
    "softmax_cross_entropy_with_z": "softmax_cross_entropy",
    "fused_add_rms_norm": "rms_norm",
    "linear_cross_entropy": "softmax_cross_entropy",  # of what linear gives
}
NOT_MEASURED = {"noise", "spatial"}  # rooms whose rules move numbers, multiply them by constants, or add products


def declared(name):
    """What a rule's page declares of its value and slope, in float32 and in half precision."""
    page = sys.modules[catalogue[name].rule.__module__].__doc__ or ""
    what, where = (
        ("slope", "") if name in UNARY else ("cotangents", rf";\s+at random and adversarial points{sizes(name)}")
    )
    line = LINE.format(name=name, what=what, where=where)
    found = re.search(line, page, re.MULTILINE)
    assert found, f"the page of {name} declares no accuracy: a line such as\n{line}"
    value, by_oldest, slope, *half = found.groups()
    if by_oldest and jax.__version_info__ < (0, 11):
        value = by_oldest
    return (float(value), float(slope)), tuple(map(float, half))


def sizes(name):
    """How a page says of what sizes the points are; nothing where they are of any size."""
    least, most = CASES[name].sizes
    power = lambda size: f"2{str(round(math.log2(size))).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}"
    if least:
        return f" of sizes {power(least)} to {power(most)}"
    return f" of sizes up to {power(most)}" if math.isfinite(most) else ""


def hold(name, dtype, turn, turns, bounds):
    found = errors(UNARY[name], rule_of(UNARY[name]), dtype)(numbers(dtype, turn, turns))
    for what, error, bound in zip(("value", "slope"), found, bounds, strict=True):
        where = f"{name}: its {what} in {jnp.dtype(dtype).name} at {error.at!r}, turn {turn} of {turns}"
        assert error.largest <= bound, f"{where}, is off by {error.largest:.3g} ulp, its page declares {bound:g}"


@pytest.mark.slow
@pytest.mark.parametrize("name", UNARY)
def test_every_number_of_half_precision_is_as_exact_as_declared(name):
    for dtype in (jnp.bfloat16, jnp.float16):
        hold(name, dtype, 0, 1, declared(name)[1])


@pytest.mark.slow
@pytest.mark.parametrize("name", UNARY)
def test_numbers_of_float32_are_as_exact_as_declared(name):
    hold(name, jnp.float32, drawn_number(TURNS), TURNS, declared(name)[0])


def test_what_was_measured_over_all_numbers_is_as_declared():
    for name, rows in json.loads(RESULTS.read_text()).items():
        for dtype, row in rows.items():
            bounds = declared(name)[0 if dtype == "float32" else 1]
            for error, bound in zip(row["funcnn"], bounds, strict=True):
                assert row["code"] != code_of(name) or error[0] <= bound, (name, dtype)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_at_adversarial_points_rules_are_as_exact_as_declared(name):
    single, half = declared(name)
    for dtype, found in measured(name, POINTS, seed=0).items():
        for what, error in found.items():
            bound = (single if dtype == "float32" else half)[what != "value"]
            where = f"{name}: its {what} in {dtype} at point {error.at} of {POINTS}"
            assert error.ulp <= bound, f"{where} is off by {error.ulp:.3g} ulp, its page declares {bound:g}"


def test_every_rule_of_several_numbers_declares_its_accuracy():
    for name, entry in catalogue.items():
        room = entry.rule.__module__.split(".")[-2]
        if not (entry.surrogate or name in UNARY or room in NOT_MEASURED or name in {"embedding", *MEASURED_ELSEWHERE}):
            assert declared(name)


def test_an_error_beyond_the_declared_one_is_named_with_its_place():
    with pytest.raises(
        AssertionError, match=r"tanh: its slope in bfloat16 at .*, is off by 63\.5 ulp, its page declares 1"
    ):
        hold("tanh", jnp.bfloat16, 0, 1, (1.0, 1.0))
