"""An input that raises is one input less, not a stage less, and prints no traceback."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from funcnn.verify import check
from funcnn.verify._errors import one_line

pytestmark = pytest.mark.slow

X = jnp.asarray([0.5, 1.0, 2.0], jnp.float32)


def unless(bad, x, message):
    """x, or an error from the host, as `equinox.error_if` has it."""

    def host(bad):
        if bad:
            raise RuntimeError(message)
        return np.asarray(bad)

    bad = jax.pure_callback(host, jax.ShapeDtypeStruct((), jnp.bool_), bad, vmap_method="sequential")
    return jnp.where(bad, jnp.nan, x).astype(x.dtype)


def positive(x):
    return unless(jnp.any(x <= 0), x, "x must be positive")


def log_of_positive(slope):
    rule = jax.custom_vjp(lambda x: jnp.log(positive(x)))
    rule.defvjp(lambda x: (jnp.log(positive(x)), x), lambda x, y_bar: (slope(x) * y_bar,))
    return rule


@pytest.mark.parametrize("level", ["fast", "full"])
def test_inputs_that_raise_are_left_out_and_listed(level, capfd):
    report = check(log_of_positive(lambda x: 1 / x), X, level=level)
    assert report.status == "pass", report
    told = dict(report.skipped)
    assert told["S3 inputs that raise"].startswith(tuple("123456789")), report
    assert "RuntimeError: x must be positive" in told["S3 inputs that raise"]
    assert dict(report.compared)["S3 inputs, S5 kinks"] > 10
    assert "Traceback" not in capfd.readouterr().err


def test_what_is_wrong_at_the_inputs_left_is_found():
    report = check(log_of_positive(lambda x: jnp.where(x > 5, 0.9, 1.0).astype(x.dtype) / x), X, level="fast")
    assert next(f.stage for f in report.findings if f.status == "fail") == "S3", report


def of_fours(x):
    """A sum of squares, by rows of four: its rule takes no other sizes, the function does."""
    return jnp.sum(x * x), x.reshape(-1, 4)


def small(x):
    return jnp.sum(jnp.sin(unless(jnp.sum(x) > 5, x, "x must be small")))


REFUSE = {
    "a size, the rule": (lambda x: jnp.sum(x * x), of_fours, lambda x, g: (2 * g * x.ravel(),), jnp.ones(8), "S10"),
    "a stack, the function": (small, lambda x: (small(x), x), lambda x, g: (g * jnp.cos(x),), X, "S9"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REFUSE)
def test_a_size_that_is_refused_is_listed(name):
    f, fwd, bwd, x, stage = REFUSE[name]
    rule = jax.custom_vjp(f)
    rule.defvjp(fwd, bwd)
    report = check(rule, x.astype(jnp.float32), level="full")
    assert report.status == "pass", report
    assert any(what.startswith(f"{stage} a") and "raises" in why for what, why in report.skipped), report


def test_the_error_of_a_callback_is_its_own():
    with pytest.raises(jax.errors.JaxRuntimeError) as caught:
        jax.block_until_ready(jax.jit(positive)(-X))
    assert one_line(caught.value) == "RuntimeError: x must be positive"
    assert one_line(ValueError("two\nlines")) == "ValueError: two"
    assert one_line(ValueError()) == "ValueError: "
