"""A unary rule is as exact as its page declares: over all numbers of half precision, and over 2²² of float32.

Which of float32, each commit draws; `python -m benchmarks.every_number` measures them all.
"""

import re
import sys

import jax
import jax.numpy as jnp
import pytest

from tests.helpers.accuracy import UNARY, errors, numbers, rule_of
from tests.helpers.rotation import drawn_number

TURNS = 1024
LINE = (
    r"^    {name}: value within ([\d.]+) ulp(?: \(by JAX 0\.10: ([\d.]+)\))?, slope within ([\d.]+);"
    r" in half precision ([\d.]+) and ([\d.]+)\.$"
)


def declared(name):
    """What a rule's page declares of its value and slope, in float32 and in half precision."""
    page = sys.modules[UNARY[name].rule.__module__].__doc__ or ""
    found = re.search(LINE.format(name=name), page, re.MULTILINE)
    assert found, f"the page of {name} declares no accuracy: a line such as\n{LINE.format(name=name)}"
    value, by_oldest, slope, *half = found.groups()
    if by_oldest and jax.__version_info__ < (0, 11):
        value = by_oldest
    return (float(value), float(slope)), tuple(map(float, half))


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


@pytest.mark.rotating
@pytest.mark.parametrize("name", UNARY)
def test_numbers_of_float32_are_as_exact_as_declared(name):
    hold(name, jnp.float32, drawn_number(TURNS), TURNS, declared(name)[0])


def test_an_error_beyond_the_declared_one_is_named_with_its_place():
    with pytest.raises(
        AssertionError, match=r"tanh: its slope in bfloat16 at .*, is off by 63\.5 ulp, its page declares 1"
    ):
        hold("tanh", jnp.bfloat16, 0, 1, (1.0, 1.0))
