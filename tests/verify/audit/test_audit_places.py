"""audit names the one wrong rule among more than thirty, wherever it is and whatever is wrong with it."""

import linecache

import jax.numpy as jnp
import pytest

from funcnn.verify import audit
from tests.helpers import places
from tests.helpers.places import FAULTS, HALF_FAULTS, PLACES, example, make_program, then_forward_only

pytestmark = pytest.mark.slow

# Each place with one fault or another, so that each fault is met in several places.
PAIRS = [(place, list(FAULTS)[i % len(FAULTS)]) for i, place in enumerate(PLACES)]


def failed(report):
    return {(row.name, row.file, row.line) for row in report.rows if row.status == "fail"}


def check_named(report, place):
    ((name, file, line),) = failed(report)
    assert name == place.replace(" ", "_")
    assert file == places.__file__
    assert "rule(" in linecache.getline(file, line)
    assert report.status == "fail"
    assert not report.ok
    assert f"{name} {file}:{line} " in str(report)


@pytest.mark.slow
def test_one_wrong_among_all():
    place = "scan in scan"
    report = audit(then_forward_only(make_program(tuple(PLACES), place, "one argument")), example(0, jnp.float32))
    assert len({(row.file, row.line) for row in report.rows}) > 30
    check_named(report, place)
    assert [row.status for row in report.rows if row.name == "unreached"] == ["inconclusive"]


@pytest.mark.slow
@pytest.mark.parametrize(("place", "fault"), PAIRS)
def test_every_place_and_every_fault(place, fault):
    check_named(audit(make_program((place,), place, fault), example(0, jnp.float32)), place)


@pytest.mark.slow
@pytest.mark.parametrize("fault", HALF_FAULTS)
def test_one_wrong_in_half_precision(fault):
    check_named(audit(make_program(("itself", "jit"), "jit", fault), example(0, jnp.bfloat16)), "jit")


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("seed", range(5))
def test_right_programs_have_no_finding(seed, dtype):
    some = list(PLACES)[2 * seed + (dtype is jnp.bfloat16) :: 10]
    report = audit(make_program(some), example(seed, dtype))
    assert {row.status for row in report.rows} == {"pass"}, str(report)
    assert {row.name for row in report.rows} >= {name.replace(" ", "_") for name in some}
    assert report.ok
