"""Encoder, decoder and both together: padding is not seen, positions are those of a stream, and a toy is learnt."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import funcnn as fn
from tests.helpers.judge import assert_close
from tests.helpers.streamed import require_streams

KEY = jax.random.key(0)
X = jnp.asarray(np.random.default_rng(0).normal(size=(2, 5, 8)))
READ = fn.encoder(9, 8, layers=1, heads=2, rope=False, positions=fn.learned_positions(6))
SAY = fn.decoder(9, 8, layers=1, heads=2, cross=True, rope=False, positions=fn.learned_positions(6))
MODEL = fn.encoder_decoder(READ, SAY)
SOURCE = jnp.array([[3, 1, 4, 1, 5], [2, 6, 5, 7, 7]])
TARGET = jnp.array([[8, 2, 7], [1, 8, 0]])


@pytest.mark.slow
@pytest.mark.parametrize("positions", [fn.learned_positions(6), fn.sinusoidal_positions(scale=0.5)], ids=repr)
def test_positions_are_added_each_at_its_own(positions):
    params = positions.init(KEY, X)
    row = positions.apply(params, jnp.zeros((1, 6, 8), X.dtype))[0]
    given = jnp.array([[4, 0, 0, 2, 5], [1, 2, 3, 4, 5]])
    assert_close(positions.apply(params, {"x": X, "positions": given})["x"], X + row[given], 1e-12)
    require_streams(positions, X)


@pytest.mark.slow
def test_streaming_is_the_whole():
    beside = {"memory": SOURCE, "memory_lengths": jnp.array([5, 3])}
    require_streams(MODEL, TARGET, tolerance=1e-6, beside=beside)  # float32 tables


def test_sines_and_cosines_are_those_of_the_formula():
    y = fn.sinusoidal_positions(base=100.0).apply((), jnp.zeros((1, 3, 4)))[0, 2]
    assert_close(y, jnp.array([np.sin(2), np.cos(2), np.sin(2 / 10), np.cos(2 / 10)]), 1e-12)


def test_what_does_not_fit_is_said():
    with pytest.raises(ValueError, match="at most 4 positions, got 5"):
        fn.learned_positions(4).apply({"table": jnp.ones((4, 8))}, X)
    with pytest.raises(ValueError, match="at most 4 positions, got 5"):
        fn.stream_of(fn.learned_positions(4)).start({"table": jnp.ones((4, 8))}, X)
    with pytest.raises(ValueError, match="learned_positions: x must be an array, or a dict with x, got a dict with y"):
        fn.learned_positions(4).init(KEY, {"y": X})
    with pytest.raises(ValueError, match="even number of features, got 3"):
        fn.sinusoidal_positions().init(KEY, X[..., :3])
    with pytest.raises(TypeError, match="a dict with x and memory, got int"):
        MODEL.init(KEY, SOURCE)
    with pytest.raises(ValueError, match="layer embed: encoder: x must be an array, or a dict with x, and no other"):
        READ.init(KEY, {"ids": SOURCE})
    params, start = jax.eval_shape(MODEL.init, KEY, {"x": TARGET, "memory": SOURCE}), fn.stream_of(MODEL).start
    with pytest.raises(TypeError, match="a dict with x and memory, got int"):
        start(params, SOURCE)
    with pytest.raises(ValueError, match=r"cannot stream: encoder_decoder starts with the memory's values, got Shape"):
        start(params, {"x": TARGET, "memory": jax.ShapeDtypeStruct(SOURCE.shape, int)})
    with pytest.raises(ValueError, match="cannot stream: a stream counts its positions, got positions beside x"):
        fn.stream_of(fn.sinusoidal_positions()).start((), {"x": X, "positions": SOURCE})
    with pytest.raises(ValueError, match="cannot stream: a stream counts its positions, got positions beside x"):
        fn.stream_of(fn.sinusoidal_positions()).step((), jnp.zeros(2, jnp.int32), {"x": X, "positions": SOURCE})


def test_a_memory_that_nothing_attends_to_is_refused():
    deaf = fn.encoder_decoder(READ, fn.decoder(9, 8, layers=1, heads=2))
    for model, inputs in (deaf, {"x": TARGET, "memory": SOURCE}), (READ, {"x": SOURCE, "memory_lengths": SOURCE[:, 0]}):
        with pytest.raises(
            ValueError, match=r"layer .*embed: \w+: x must be .* no other entries than lengths, .*memory"
        ):
            jax.eval_shape(model.init, KEY, inputs)


def test_positions_that_nothing_reads_are_refused():
    inputs = {"x": SOURCE, "positions": jnp.arange(5)}
    for model in (fn.encoder(9, 8, layers=1, heads=2, rope=False), fn.decoder(9, 8, layers=1, heads=2, rope=False)):
        with pytest.raises(ValueError, match=r"coder: x must be .* than lengths, segment_ids, x, got positions, x"):
            jax.eval_shape(model.init, KEY, inputs)
    jax.eval_shape(READ.init, KEY, inputs)
    jax.eval_shape(fn.encoder(9, 8, layers=1, heads=2).init, KEY, inputs)


@pytest.mark.slow
def test_neither_sees_padding_and_a_decoder_sees_nothing_later():
    inputs = {"x": TARGET, "memory": SOURCE, "memory_lengths": jnp.array([3, 3]), "lengths": jnp.array([3, 2])}
    params = jax.tree.map(lambda a: 4 * a, MODEL.init(KEY, inputs))
    apply = jax.jit(MODEL.apply)
    logits = apply(params, inputs)
    assert_close(apply(params, {"x": TARGET, "memory": SOURCE[:, :3]})[:, :2], logits[:, :2], 1e-6)  # float32 tables
    later = {**inputs, "x": TARGET.at[:, 2].set(5), "memory": SOURCE.at[:, 3:].set(0)}
    assert_close(apply(params, later)[:, :2], logits[:, :2], 1e-6)
    assert not jnp.allclose(apply(params, {**inputs, "memory": SOURCE.at[:, 2].set(0)}), logits)


@pytest.mark.slow
@jax.numpy_dtype_promotion("standard")  # optax promotes step counts to floats
def test_a_sequence_is_learnt_backwards():
    source = np.random.default_rng(0).integers(0, 8, (1280, 5))
    target = source[:, ::-1]
    before = np.concatenate([np.full((len(source), 1), 8), target[:, :-1]], 1)  # 8 begins
    data = {"x": before, "memory": source}, target
    inputs, held_out = jax.tree.map(lambda a: a[1024:], data)
    kept = jax.tree.map(lambda a: a[:1024], data)
    read = fn.encoder(8, 16, layers=1, heads=2, rope=False, positions=fn.learned_positions(5))
    say = fn.decoder(9, 16, layers=1, heads=2, cross=True, rope=False, positions=fn.learned_positions(5))
    model, loss = fn.encoder_decoder(read, say), fn.losses.softmax_cross_entropy
    state, _ = fn.fit(model, loss, optax.adam(0.01), kept, epochs=20, batch_size=64, key=KEY, progress=False)
    assert (model.apply(state.params, inputs).argmax(-1) == held_out).mean() > 0.98
