"""S7 shows a rule that is wrong on some shards only; where there is one device, it says that it cannot."""

import jax
import jax.numpy as jnp
import pytest

from funcnn.verify import check

X = jnp.asarray([0.3, -1.2, 0.7], jnp.float32)


def sine(last_alone):
    """Inside of shard_map its slope is right on the last shard, or on every one."""

    def bwd(x, y_bar):
        x_bar = jnp.cos(x) * y_bar
        for axis in jax.typeof(x).manual_axis_type.varying:
            last = jax.lax.axis_index(axis) == jax.lax.axis_size(axis) - 1
            x_bar = jnp.where(last | (not last_alone), x_bar, 2 * x_bar)
        return (x_bar,)

    made = jax.custom_vjp(jnp.sin)
    made.defvjp(lambda x: (jnp.sin(x), x), bwd)
    return made


@pytest.mark.slow
def test_a_rule_wrong_on_every_shard_but_the_last_fails():
    report = check(sine(last_alone=True), X)
    assert {f.stage for f in report.findings if f.status == "fail"} == {"S7"}, str(report)
    assert check(sine(last_alone=False), X).status == "pass"


@pytest.mark.slow
@pytest.mark.parametrize("last_alone", [True, False])
def test_on_one_device_what_a_shard_does_is_undecided(last_alone, monkeypatch):
    monkeypatch.setattr(jax, "device_count", lambda: 1)
    report = check(sine(last_alone), X)
    assert report.status == "inconclusive", str(report)
    assert any("axis_index" in f.message and "one device" in f.message for f in report.findings)
