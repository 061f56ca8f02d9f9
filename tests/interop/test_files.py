"""Parameters in files of other libraries, and a trained model as a program that needs JAX alone."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import optax
import pytest

import funcnn as fn
from tests.helpers.judge import assert_close

pytest.importorskip("safetensors")

KEY = jax.random.key(0)
X = jnp.asarray(np.random.default_rng(0).normal(size=(5, 6, 6, 1)))
MODEL = fn.serial(
    body=fn.serial(fn.conv(4, (3, 3)), fn.batch_norm(), fn.relu, lambda x: fn.max_pool(x, (2, 2))),
    head=fn.serial(fn.flatten, fn.linear(3), fn.softmax),
)


def drawn():
    return fn.calibrate(MODEL, MODEL.init(KEY, X), [X])


@pytest.mark.slow
def test_safetensors_give_back_what_was_saved(tmp_path):
    tree = {
        "body": (drawn(), [np.arange(6).reshape(2, 3).T, np.float32(2.5)]),
        "half": jnp.ones(3, jnp.bfloat16),
        "none": jnp.zeros((0, 2)),
        "flags": np.array([True, False]),
    }
    fn.interop.save_safetensors(tmp_path / "ü.safetensors", tree)
    again = fn.interop.load_safetensors(tmp_path / "ü.safetensors", like=jax.eval_shape(lambda: tree))
    assert_close(again, jax.tree.map(jnp.asarray, tree), 0.0)
    flat = fn.interop.load_safetensors(tmp_path / "ü.safetensors")
    assert flat["body.0.body.0.w"].shape == (3, 3, 1, 4)
    assert flat["half"].dtype == ml_dtypes.bfloat16
    assert len(flat) == len(jax.tree.leaves(tree))


def test_what_does_not_fit_is_named_at_once(tmp_path):
    fn.interop.save_safetensors(tmp_path / "a", {"w": jnp.ones((2, 3)), "b": jnp.ones(3), "old": jnp.ones(1)})
    like = {"w": jnp.ones((3, 2)), "b": jnp.ones(3, "float32"), "new": jnp.ones(1)}
    with pytest.raises(ValueError, match="load_safetensors: ") as error:
        fn.interop.load_safetensors(tmp_path / "a", like)
    assert str(error.value).removeprefix("load_safetensors: ").split("; ") == [
        "new is missing",
        "old is left over",
        "b must be float32[3], got float64[3]",
        "w must be float64[3, 2], got float64[2, 3]",
    ]


BAD = [
    ({"key": KEY}, TypeError, "key must be an array of numbers, got key<fry>"),
    ({"name": "relu"}, TypeError, "name must be an array of numbers, got str"),
    ({"a.b": jnp.ones(1), "a": {"b": jnp.ones(1)}}, ValueError, "a path of its own, got several at a.b"),
]


@pytest.mark.parametrize(("tree", "error", "message"), BAD)
def test_what_cannot_be_saved_says_why(tmp_path, tree, error, message):
    with pytest.raises(error, match=f"save_safetensors: .*{message}"):
        fn.interop.save_safetensors(tmp_path / "a", tree)
    assert not list(tmp_path.iterdir())


def test_a_file_of_another_format_is_named(tmp_path):
    path = tmp_path / "params.npz"
    fn.save(path, {"w": jnp.ones(3)})
    with pytest.raises(ValueError, match=r"load_safetensors: .*params\.npz is not whole, or of another format"):
        fn.interop.load_safetensors(path)


def test_orbax_reads_and_writes_a_training_state(tmp_path):
    ocp = pytest.importorskip("orbax.checkpoint")
    state = fn.TrainState.create(fn.linear(2), optax.sgd(0.1, momentum=0.9), KEY, jnp.ones((4, 3)))
    data = state._replace(key=jax.random.key_data(state.key))
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "state", data)
        checkpointer.wait_until_finished()
        again = checkpointer.restore(tmp_path / "state", data)
    assert_close(again._replace(key=jax.random.wrap_key_data(again.key)), state, 0.0)


CALL = """
import sys
import jax, numpy as np
jax.config.update("jax_enable_x64", True)
program, x, y = sys.argv[1:]
with open(program, "rb") as file:
    exported = jax.export.deserialize(bytearray(file.read()))
for n in (1, 5):
    np.testing.assert_allclose(exported.call(np.load(x)[:n]), np.load(y)[:n], rtol=1e-12)
assert not any(name.startswith("funcnn") for name in sys.modules)
"""


@pytest.mark.slow
def test_an_exported_model_runs_without_this_library_on_a_batch_of_any_size(tmp_path):
    params = drawn()
    (tmp_path / "program").write_bytes(fn.interop.export(MODEL, params, jax.eval_shape(lambda: X[:2])))
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", MODEL.apply(params, X))
    files = [str(tmp_path / name) for name in ("program", "x.npy", "y.npy")]
    run = subprocess.run([sys.executable, "-c", CALL, *files], capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 0, run.stderr


LAYERS = {
    "linear": (fn.serial(fn.linear(4), fn.layer_norm(), fn.gelu, fn.dropout(0.5), fn.linear(2)), (3,)),
    "groups": (fn.serial(fn.conv(4, (3, 3), stride=2), fn.group_norm(2), fn.silu, fn.global_avg_pool), (6, 6, 2)),
    "pools": (fn.serial(lambda x: fn.avg_pool(x, (2, 2)), lambda x: fn.upsample(x, factor=2)), (4, 4, 2)),
    "transposed": (fn.serial(fn.conv_transpose(2, (3, 3), stride=2), fn.glu), (3, 3, 2)),
    "parallel": (fn.parallel(fn.linear(3), fn.serial(fn.linear(6), fn.tanh)), (2, 3)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_exported_for_a_batch_of_any_size(name):
    model, shape = LAYERS[name]
    x = jnp.asarray(np.random.default_rng(1).normal(size=(3, *shape)))
    params = model.init(KEY, x)
    program = jax.export.deserialize(bytearray(fn.interop.export(model, params, x[:1])))
    assert_close(program.call(x), model.apply(params, x), 1e-12)


def test_an_input_without_a_batch_axis_is_refused():
    with pytest.raises(ValueError, match=r"export: x\[0\] must have a batch axis, got float64\[\]"):
        fn.interop.export(lambda x: x[0], (), (jnp.float64(1.0), jnp.ones(2)))
    with pytest.raises(TypeError, match=r"export: x\[0\] must be an array, got int"):
        fn.interop.export(lambda x: x[0], (), [1, 2])
    assert jax.export.deserialize(bytearray(fn.interop.export(fn.tanh, (), jnp.ones(2)))).call(jnp.ones(7)).shape == (
        7,
    )
