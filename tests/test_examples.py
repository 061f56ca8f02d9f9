"""The rules that examples write."""

import runpy
from pathlib import Path

import jax
import pytest

from funcnn import rules
from tests.helpers.judge import assert_close

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.mark.slow
def test_fashion_mnist_convolves_as_the_rule_does():
    convolved = runpy.run_path(str(EXAMPLES / "fashion_mnist.py"))["convolved"]
    keys = jax.random.split(jax.random.key(0), 3)
    x, w, y_bar = map(jax.random.normal, keys, [(2, 5, 4, 3), (3, 3, 3, 6), (2, 5, 4, 6)])
    y, back = jax.vjp(convolved, x, w)
    expected, expected_back = jax.vjp(rules.conv, x, w)
    assert_close((y, *back(y_bar)), (expected, *expected_back(y_bar)), 1e-12)
