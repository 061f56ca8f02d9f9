"""Training can be cut anywhere and goes on to the same bits; every moment says where it stands."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import funcnn as fn
from funcnn.training._epochs import compiled_loop, start
from funcnn.training._faults import last_good
from funcnn.training._plan import Plan
from funcnn.training._sources import source_of
from funcnn.training._step import plain_step
from tests.helpers.judge import assert_close

RNG = np.random.default_rng(0)
X = jnp.asarray(RNG.normal(size=(10, 3)), jnp.float32)
Y = jnp.asarray(RNG.normal(size=(10, 2)), jnp.float32)
KEY = jax.random.key(0)
MODEL = fn.serial(fn.linear(5), fn.tanh, fn.dropout(0.3), fn.linear(2))
LOSS = fn.losses.squared_error
EPOCHS, BATCH, BATCHES = 3, 4, 3  # of 4, 4 and 2 examples


def fuse():
    """An optimizer's last link, whose state counts down the steps to the one that makes everything NaN."""

    def update(updates, left, params=None):
        return jax.tree.map(lambda u: u * jnp.where(left == 0, jnp.nan, 1.0).astype(u.dtype), updates), left - 1

    return optax.GradientTransformation(lambda params: jnp.int32(-1), update)


OPTIMIZER = optax.chain(optax.adam(0.01), fuse())


def with_fuse(state, left):
    return state._replace(opt_state=(state.opt_state[0], jnp.int32(left)))


def fit(state, epochs):
    return fn.fit(
        MODEL, LOSS, OPTIMIZER, (X, Y), epochs=epochs, batch_size=BATCH, state=state, progress=False
    )  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _standard_promotion():
    with jax.numpy_dtype_promotion("standard"):  # optax promotes step counts to floats
        yield


@pytest.fixture(scope="module")
def begun():
    return fn.TrainState.create(MODEL, OPTIMIZER, KEY, X)


@pytest.mark.slow
@pytest.mark.parametrize("steps", [0, 1, 2, 3, 4, 8])
def test_a_run_that_a_fault_cut_goes_on_to_the_same_bits(begun, steps):
    whole, history = fit(begun, EPOCHS)
    epoch, batch = divmod(steps, BATCHES)
    with pytest.raises(fn.NonFiniteError, match=rf"params\.0\.b became nan at step {steps} \(epoch {epoch}\)") as cut:
        fit(with_fuse(begun, steps), EPOCHS)
    state = cut.value.state
    assert (int(state.step), *map(int, state.position)) == (steps, epoch, batch)
    assert (cut.value.history["loss"] == history["loss"][:epoch]).all()

    rest, rest_history = fit(with_fuse(state, -1 - steps), EPOCHS - epoch)
    assert_close(rest, whole, 0.0)
    assert len(rest_history["loss"]) == EPOCHS - epoch
    partial = int(batch > 0)
    assert (rest_history["loss"][partial:] == history["loss"][epoch + partial :]).all()


@pytest.mark.slow
def test_any_pieces_are_one_run(begun):
    step = plain_step(MODEL, LOSS, OPTIMIZER)
    loop = compiled_loop(step, begun, len(X), BATCH)
    whole, _ = loop(start(step, begun, (X, Y), EPOCHS), (X, Y), np.int32(EPOCHS * BATCHES))
    for pieces in [(1,) * 9, (2,) * 4 + (1,), (4, 5), (5, 1, 3), (8, 1), (0, 9)]:
        progress = start(step, begun, (X, Y), EPOCHS)
        for steps in pieces:
            progress, _ = loop(progress, (X, Y), np.int32(steps))
        assert_close(progress, whole, 0.0, what=str(pieces))


@pytest.mark.slow
def test_every_moment_says_where_training_stands(begun):
    step = plain_step(MODEL, LOSS, OPTIMIZER)
    first, *others = source_of((X, Y), BATCH).train(step, begun, Plan(epochs=50))
    assert first.rows == 0
    assert_close(first.state, begun, 0.0)
    ended, seconds = 0, first.seconds
    for moment in others:
        ended += moment.rows
        assert moment.seconds > seconds
        assert moment.values["epoch"].tolist() == [*range(ended - moment.rows + 1, ended + 1)]
        assert (moment.values["step"] == BATCHES * moment.values["epoch"]).all()
        epoch, batch = map(int, moment.state.position)
        assert (epoch, BATCHES * epoch + batch) == (ended, int(moment.state.step))
        assert float(moment.sums["loss"][1]) == min(batch * BATCH, len(X))
        seconds = moment.seconds
    assert ended == 50
    assert sum(moment.examples for moment in others) == 50 * len(X)


@pytest.mark.slow
def test_a_source_tells_the_last_good_moment_before_it_fails(begun):
    step = plain_step(MODEL, LOSS, OPTIMIZER)
    training = source_of((X, Y), BATCH).train(step, with_fuse(begun, 7), Plan(epochs=EPOCHS))
    moments = []
    with pytest.raises(fn.NonFiniteError):
        moments.extend(training)
    assert sum(moment.rows for moment in moments) == 2
    assert tuple(map(int, moments[-1].state.position)) == (2, 1)
    assert float(moments[-1].sums["loss"][1]) == BATCH


def test_a_loop_of_ones_own_leaves_the_position(begun):
    state, _ = fn.make_step(MODEL, LOSS, OPTIMIZER)(jax.tree.map(jnp.copy, begun), (X, Y))
    assert tuple(map(int, state.position)) == (0, 0)
    assert tuple(map(int, fn.TrainState((), (), KEY, state.step).position)) == (0, 0)


@pytest.mark.parametrize("steps", [1, 2, 7, 8])
def test_the_first_fault_is_found_by_halving(steps):
    for fault in range(steps):
        run = lambda done, more, fault=fault: (done + more, done + more <= fault)
        assert last_good(run, 0, steps) == fault


@pytest.mark.slow
def test_the_library_does_not_wait_for_chex():
    program = "import funcnn, sys; print('chex' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [64, None])  # arrays, and a stream of batches
def test_a_moment_takes_as_long_as_its_steps(batch_size):
    data, moments = (jnp.ones((64, 1024), jnp.float32),) * 2, []
    data = data if batch_size else [data]
    for _ in range(2):  # the first compiles
        moments.clear()
        fn.fit(fn.linear(1024), LOSS, optax.sgd(0.1), data, epochs=30, batch_size=batch_size, key=KEY, progress=False,
               watch=moments.append)  # fmt: skip
    assert sum(moment.spent for moment in moments) > moments[-1].seconds / 2
