"""The transformer's block and stacks, and GPT: their values, streams, probes, per-example norms and placements."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P

import funcnn as fn
from tests.helpers.judge import assert_close
from tests.helpers.probed import require_probes
from tests.helpers.streamed import require_streams

pytestmark = pytest.mark.slow

KEY = jax.random.key(0)
X = jnp.asarray(np.random.default_rng(0).normal(size=(2, 5, 8)))
IDS = jnp.asarray(np.random.default_rng(1).integers(0, 16, (8, 6)), jnp.int32)
GPT = fn.gpt(16, 8, layers=2, heads=4)


def test_a_block_adds_attention_and_an_mlp_to_what_they_take():
    attend, net, norm = fn.attention(2, causal=True), fn.gated_mlp(12), fn.rms_norm()
    block = fn.transformer_block(attend, net, norm=norm)
    params = block.init(KEY, X)
    x = X + attend.apply(params["attention"]["layer"], norm.apply(params["attention"]["norm"], X))
    y = x + net.apply(params["mlp"]["layer"], norm.apply(params["mlp"]["norm"], x))
    assert_close(block.apply(params, X), y, 1e-12)


def test_an_encoder_and_a_decoder_see_no_padding():
    encoder = fn.transformer(fn.transformer_block(fn.attention(2, rope=True), fn.mlp(12)), 2)
    cross = fn.transformer_block(fn.attention(2, causal=True), fn.mlp(12), cross=fn.attention(2, cross=True))
    decoder = fn.transformer(cross, 2, remat=True)
    params = encoder.init(KEY, X)
    padded = encoder.apply(params, {"x": X, "lengths": jnp.array([3, 3])})
    assert_close(padded[:, :3], encoder.apply(params, X[:, :3]), 1e-12)
    inputs = {"x": X, "memory": padded, "memory_lengths": jnp.array([3, 3])}
    params = decoder.init(KEY, inputs)
    assert_close(decoder.apply(params, inputs), decoder.apply(params, {"x": X, "memory": padded[:, :3]}), 1e-12)


def test_streaming_is_the_whole():
    block = fn.transformer_block(fn.attention(2, causal=True, window=3, rope=True), fn.mlp(12), norm=fn.rms_norm())
    require_streams(fn.transformer(block, 2), X)
    require_streams(GPT, IDS[:2], 1e-6)  # its table is float32


def test_an_entry_that_no_block_takes_is_said():
    with pytest.raises(ValueError, match=r"attention: transformer_block: x must be .*, got length, x"):
        fn.transformer_block(fn.attention(2), fn.mlp(12)).init(KEY, {"x": X, "length": jnp.array([3, 3])})


def test_a_memory_that_no_block_attends_to_is_refused():
    stack = fn.transformer(fn.transformer_block(fn.attention(2, causal=True), fn.mlp(12)), 2)
    for beside in ({"memory": X}, {"memory_lengths": jnp.array([3, 3])}):
        said = rf"transformer_block: x must be .* than lengths, positions, segment_ids, x, got {next(iter(beside))}, x"
        with pytest.raises(ValueError, match=said):
            stack.init(KEY, {"x": X} | beside)
        with pytest.raises(ValueError, match=said):
            stack.apply(jax.eval_shape(stack.init, KEY, X), {"x": X} | beside)


@pytest.mark.parametrize(
    ("block", "path"),
    [
        (lambda: fn.transformer_block(fn.attention, fn.mlp(12)), "attention.layer: attention"),
        (lambda: fn.transformer_block(fn.attention(2), fn.mlp), "mlp.layer: mlp"),
        (lambda: fn.transformer_block(fn.attention(2), fn.mlp(12), cross=fn.attention), "cross.layer: attention"),
        (lambda: fn.transformer_block(fn.attention(2), fn.mlp(12), norm=fn.rms_norm), "attention.norm: rms_norm"),
    ],
)
def test_a_part_that_is_not_a_layer_is_named_by_its_path(block, path):
    with pytest.raises(TypeError, match=f"^layer {path} makes a layer: call it"):
        block()


def test_dropout_is_off_but_while_training():
    block = fn.transformer_block(fn.attention(2, dropout=0.5), fn.mlp(12), rate=0.5)
    params = block.init(KEY, X)
    assert_close(block.apply(params, X, key=KEY), block.apply(params, X), 0.0)
    assert not jnp.allclose(block.apply(params, X, key=KEY, training=True), block.apply(params, X))


def test_generation_with_the_cache_is_generation_without():
    params, ids = GPT.init(KEY, IDS), IDS[:2, :3]
    tokens = fn.generate(GPT, params, ids, 3)
    for _ in range(3):
        ids = jnp.concatenate([ids, GPT.apply(params, ids)[:, -1:].argmax(-1).astype(ids.dtype)], 1)
    assert tokens.tolist() == ids[:, 3:].tolist()


def loss(logits, ids):
    return fn.losses.softmax_cross_entropy(logits[:, :-1], ids[:, 1:])


def test_per_example_norms_are_those_of_each_examples_gradient():
    params = GPT.init(KEY, IDS)
    got = fn.example_gradient_norms(GPT, loss, params, (IDS, IDS))
    of_one = lambda ids: jax.grad(lambda p: loss(GPT.apply(p, ids[None]), ids[None]))(params)
    norm = lambda tree: jnp.sqrt(sum(jnp.vdot(a, a) for a in jax.tree.leaves(tree)))
    assert_close(got, jax.vmap(lambda ids: norm(of_one(ids)))(IDS).astype(got.dtype), 1e-5)


TENSOR_PARALLEL = {
    "**.w_query": P(None, None, "model"),
    "**.w_key": P(None, None, "model"),
    "**.w_value": P(None, None, "model"),
    "**.layer.w_out": P(None, "model", None),
    "**.w_in": P(None, None, "model"),
    "**.b_in": P(None, "model"),
    "**.table": P("model", None),
}


@pytest.mark.parametrize("sharding", ["fsdp", "tensor_parallel"])
def test_a_step_on_eight_devices_is_that_of_one(sharding):
    mesh = jax.make_mesh((2, 4), ("data", "model"), axis_types=(AxisType.Auto,) * 2)
    placement = fn.fsdp(min_size=0) if sharding == "fsdp" else fn.tensor_parallel(TENSOR_PARALLEL)
    optimizer = optax.sgd(0.1)
    step = fn.make_step(GPT, loss, optimizer, donate=False)
    state = fn.TrainState.create(GPT, optimizer, KEY, IDS)
    state = state._replace(params=jax.tree.map(lambda a: a.astype(jnp.float64), state.params))
    one, _ = step(state, (IDS, IDS))
    many, _ = step(fn.place(state, mesh, placement), fn.divide((IDS, IDS), mesh))
    assert_close(jax.device_get(many.params), jax.device_get(one.params), 1e-12)


def test_probes_tell_each_layers_gradient():
    require_probes(GPT, loss, optax.sgd(0.1), (IDS, IDS), KEY)
