"""Batches drawn by chance are those that the accountant of private training assumes."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import funcnn as fn
from tests.helpers.digest import digest
from tests.helpers.judge import assert_close

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 3)).astype("float32"), RNG.normal(size=(20, 2)).astype("float32")
MODEL, LOSS, KEY = fn.linear(2), fn.losses.squared_error, jax.random.key(0)
OPTIMIZER = fn.private(optax.sgd(1.0), clip=0.5, noise=0.0, key=KEY, batch_size=6)


@pytest.fixture(scope="module", autouse=True)
def _standard_promotion():
    with jax.numpy_dtype_promotion("standard"):  # optax promotes step counts to floats
        yield


def drawn(rate, epoch=0, key=KEY, data=(X, Y)):
    return list(fn.poisson_batches(data, rate, key=key)(epoch))


def members(batch):
    """Which examples a batch has."""
    x, y, weight = batch
    found = {int(np.flatnonzero((row == X).all(-1))[0]) for row in x[weight > 0]}
    assert len(found) == weight.sum()
    assert all((target == Y[X[:, 0] == row[0]]).all() for row, target in zip(x, y, strict=True))
    return np.isin(np.arange(len(X)), list(found))


def test_each_example_is_in_each_batch_by_chance_on_its_own():
    rate = 0.3
    batches = [batch for epoch in range(100) for batch in drawn(rate, epoch)]
    assert len(batches) == 100 * 3
    assert {len(batch[0]) for batch in batches} <= {8, 16, 24}
    within = np.stack([members(batch) for batch in batches])
    deviation = np.sqrt(rate * (1 - rate))
    assert abs(within.mean(0) - rate).max() < 4 * deviation / np.sqrt(len(batches))
    pairs = np.corrcoef(within.T) - np.eye(len(X))
    assert abs(pairs).max() < 4.5 / np.sqrt(len(batches))
    assert within.sum(1).var() == pytest.approx(len(X) * deviation**2, rel=4 * np.sqrt(2 / len(batches)))


def test_the_draws_are_a_function_of_key_epoch_and_number():
    first, again, later, other = drawn(0.3), drawn(0.3), drawn(0.3, 1), drawn(0.3, key=jax.random.key(1))
    assert_close(first, again, 0.0)
    sets = [members(batch).tobytes() for batches in (first, later, other) for batch in batches]
    assert len(set(sets)) == 9
    assert all(members(batch).all() for batch in drawn(1.0))


@pytest.mark.slow
def test_a_private_step_is_that_of_the_drawn_examples_over_the_expected_size():
    (batch, *_) = drawn(0.3)
    state = fn.TrainState.create(MODEL, OPTIMIZER, KEY, X)
    after, _ = fn.make_step(MODEL, LOSS, OPTIMIZER, donate=False)(state, batch)
    chosen = members(batch)
    of_one = lambda params, x, y: LOSS(MODEL.apply(params, x[None]), y[None])
    each = jax.vmap(jax.grad(of_one), (None, 0, 0))(state.params, X[chosen], Y[chosen])
    scale = jnp.minimum(1, 0.5 / jax.vmap(optax.tree.norm)(each))
    assert (scale < 1).any()
    expected = jax.tree.map(lambda p, g: p - jnp.tensordot(scale.astype(g.dtype), g, 1) / 6, state.params, each)
    assert_close(after.params, expected, 1e-6)


def test_a_batch_of_nobody_changes_nothing():
    nobody = next(batch for batch in drawn(0.01) if not batch[2].any())
    state = fn.TrainState.create(MODEL, OPTIMIZER, KEY, X)
    after, metrics = fn.make_step(MODEL, LOSS, OPTIMIZER, donate=False)(state, nobody)
    assert_close(after.params, state.params, 0.0)
    assert float(metrics["loss"]) == 0


@pytest.mark.slow
def test_a_run_goes_on_within_an_epoch_without_reading_again(tmp_path):
    optimizer = fn.private(optax.sgd(0.1), clip=0.5, noise=1.0, key=jax.random.key(1), batch_size=6)
    fit = lambda steps, **options: fn.fit(
        MODEL,
        LOSS,
        optimizer,
        fn.poisson_batches((X, Y), 0.3, key=KEY),
        steps=steps,
        key=KEY,
        progress=False,
        **options,
    )
    fit(4, checkpoint=tmp_path, validate_every=1)
    assert digest(*fit(8, checkpoint=tmp_path, validate_every=1)) == digest(*fit(8, validate_every=1))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"rate": 0}, ValueError, "poisson_batches: rate must be a number above 0 and up to 1, got 0"),
        ({"rate": 32}, ValueError, "poisson_batches: rate must be a number above 0 and up to 1, got 32"),
        ({"rate": 0.1, "key": 0}, TypeError, r"poisson_batches: key must be a jax\.random\.key"),
        (
            {"rate": 0.1, "data": (X, Y[:3])},
            ValueError,
            r"data\[1\] must have as many examples as data\[0\], 20, got 3",
        ),
        ({"rate": 0.1, "data": X}, TypeError, r"data must be a tuple \(inputs, \*targets\), got ndarray"),
    ],
)
def test_bad_calls(options, error, message):
    with pytest.raises(error, match=message):
        drawn(**options)
