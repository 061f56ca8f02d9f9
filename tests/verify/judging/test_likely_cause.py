"""A likely cause is read off the pattern of a cotangent's error."""

import numpy as np
import pytest

from funcnn.verify.judging._likely_cause import guess_cause

X = np.random.default_rng(0).normal(size=(5, 3))
TRUE = X**3 + 1
MASKED = np.where(np.arange(5)[:, None] < 2, TRUE, 0)


@pytest.mark.parametrize(
    ("got", "expected", "cause"),
    [
        (2 * TRUE, TRUE, "a factor of 2 (a 2 too many)"),
        (TRUE.astype("float32"), TRUE, "rounded to float32"),
        (TRUE.astype("float16"), TRUE, "rounded on its way to half precision"),
        (TRUE, MASKED, "wrong only where it should be 0: is a mask missing"),
        (2 * MASKED, MASKED, "a factor of 2 (a 2 too many)"),
        (2 * TRUE, MASKED, ""),
        (
            TRUE + TRUE.mean(0),
            TRUE,
            "off by something constant along axis 0: is a mean or a sum missing",
        ),  # a report asks
        (np.roll(TRUE, 1, 0), TRUE, "rolled along axis 0 by 1"),
    ],
)
def test_a_pattern_has_its_cause(got, expected, cause):
    assert guess_cause(got, expected, X) == cause
