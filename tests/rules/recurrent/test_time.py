"""What the recurrent rules share: blocks of time, lengths, both directions, padding that is not read."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from funcnn import rules
from funcnn.rules._catalogue import catalogue
from funcnn.rules.recurrent import _time
from tests.helpers.judge import assert_close

BATCH, N, FEATURES = 2, 3, 2
GATES = {"rnn": 1, "gru": 3, "lstm": 4}


def arguments(name, time, batch=BATCH):
    """x and the arguments after it, but lengths."""
    rng = np.random.default_rng(0)
    normal = lambda *shape: jnp.asarray(rng.normal(size=shape))
    carry = [normal(batch, FEATURES) for _ in range(2 if name == "lstm" else 1)]
    gates = GATES[name] * FEATURES
    biases = [normal(gates) for _ in range(2 if name == "gru" else 1)]
    return normal(batch, time, N), *carry, normal(N, gates), normal(FEATURES, gates), *biases


def with_bars(f, *args, **options):
    """f's value, and the cotangents of all arguments for ones."""
    y, pull = jax.vjp(lambda *args: f(*args, **options), *args)
    return y, pull(jax.tree.map(jnp.ones_like, y))


@pytest.mark.slow
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", GATES)
def test_time_in_blocks_is_time_at_once(name, reverse, monkeypatch):
    args = arguments(name, 6, batch=3)
    options = {"lengths": jnp.array([5, 2, 9]), "reverse": reverse}
    monkeypatch.setattr(_time, "ROWS", 6)  # 3 blocks of 2 steps
    found = jax.jit(lambda *args: with_bars(getattr(rules, name), *args, **options))(*args)
    expected = jax.jit(lambda *args: with_bars(catalogue[name].reference, *args, **options))(*args)
    assert_close(found, expected, 1e-10)


def test_a_block_of_many_rows_gives_the_same_cotangents(monkeypatch):
    args = arguments("gru", 11)
    monkeypatch.setattr(_time, "ROWS", 9)  # 11 is prime: one block, of 22 rows
    found = jax.jit(lambda *args: with_bars(rules.gru, *args))(*args)
    expected = jax.jit(lambda *args: with_bars(catalogue["gru"].reference, *args))(*args)
    assert_close(found, expected, 1e-10)


@pytest.mark.parametrize(
    ("batch", "time", "steps"), [(32, 128, 8), (1, 1024, 256), (32, 127, 127), (2048, 3, 1), (1, 0, 0), (32, 130, 5)]
)
def test_a_block_has_rows_enough_and_not_too_many(batch, time, steps):
    over = _time.Sequence(jax.ShapeDtypeStruct((batch, time, N), jnp.float32), None, None, None, False)
    assert _time._steps(over) == steps


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", GATES)
def test_beyond_its_length_a_row_is_as_if_it_had_ended(name, reverse):
    x, *rest = arguments(name, 5)
    rule = jax.jit(getattr(rules, name), static_argnames="reverse")
    lengths = jnp.array([3, 0])
    y, last = rule(x.at[0, 3:].set(jnp.nan).at[1].set(jnp.inf), *rest, lengths=lengths, reverse=reverse)
    carry = rest[: 2 if name == "lstm" else 1]
    alone, of_first = rule(x[:1, :3], *(a[:1] for a in carry), *rest[len(carry) :], reverse=reverse)
    assert_close(y[0, :3], alone[0], 1e-14)
    assert not np.asarray(y[0, 3:]).any()
    assert not np.asarray(y[1]).any()
    assert_close(jax.tree.map(lambda a: a[:1], last), of_first, 1e-14)
    assert_close([a[1] for a in jax.tree.leaves(last)], [a[1] for a in carry], 0.0)
    beyond = rule(x, *rest, lengths=jnp.array([9, 5]), reverse=reverse)
    assert_close(beyond, rule(x, *rest, reverse=reverse), 1e-14)


@pytest.mark.parametrize("name", GATES)
def test_no_cotangent_comes_from_what_is_beyond_a_length(name):
    x, *rest = arguments(name, 4)
    x = x.at[0, 2:].set(jnp.nan)
    rule = lambda *args: getattr(rules, name)(*args, lengths=jnp.array([2, 4]))
    x_bar, *bars = jax.jit(lambda *args: with_bars(rule, *args)[1])(x, *rest)
    assert all(np.isfinite(bar).all() for bar in bars)
    assert not np.asarray(x_bar[0, 2:]).any()


@pytest.mark.parametrize("name", GATES)
def test_no_time_gives_the_carry_back(name):
    x, *rest = arguments(name, 0)
    y, last = getattr(rules, name)(x, *rest)
    assert y.shape == (BATCH, 0, FEATURES)
    assert_close(jax.tree.leaves(last), list(rest[: len(jax.tree.leaves(last))]), 0.0)
