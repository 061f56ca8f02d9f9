"""save and load keep every bit, dtype and shape; what does not fit is named; what cannot be written says why."""

import errno
import os
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import funcnn as fn
from funcnn.training.checkpoints import _files

RNG = np.random.default_rng(0)
DTYPES = "bool uint8 int4 int32 uint64 float8_e4m3fn float8_e5m2 float16 bfloat16 float32 float64 complex64"


def roundtrip(tree, folder, like=None):
    fn.save(folder / "tree.npz", tree)
    return fn.load(folder / "tree.npz", tree if like is None else like)


@pytest.mark.parametrize("dtype", DTYPES.split())
def test_every_dtype_and_shape_is_kept_to_the_bit(dtype, tmp_path):
    values = RNG.integers(0, 2, (2, 3)) if dtype == "bool" else RNG.normal(size=(2, 3)) * 5
    array = np.abs(values).astype(dtype)
    tree = {"array": jnp.asarray(array), "numpy": array, "empty": array[:0], "scalar": array[0, 0], "turned": array.T}
    for name, loaded in roundtrip(tree, tmp_path).items():
        expected = tree[name]
        assert (type(loaded), loaded.dtype, loaded.shape) == (type(expected), expected.dtype, expected.shape), name
        assert np.asarray(loaded).tobytes() == np.asarray(expected).tobytes(), name


def test_nan_keeps_its_payload_and_zero_its_sign(tmp_path):
    array = np.array([0x7FC00001, 0xFFC00000, 0x80000000], np.uint32).view(np.float32)
    assert roundtrip(array, tmp_path).tobytes() == array.tobytes()


@pytest.mark.parametrize("impl", ["threefry2x32", "rbg", "unsafe_rbg"])
def test_keys_are_kept(impl, tmp_path):
    keys = {"one": jax.random.key(7, impl=impl), "several": jax.random.split(jax.random.key(8, impl=impl), 3)}
    loaded = roundtrip(keys, tmp_path, like=jax.eval_shape(lambda: keys))
    assert {name: leaf.dtype for name, leaf in loaded.items()} == {name: leaf.dtype for name, leaf in keys.items()}
    for name, key in keys.items():
        assert (jax.random.key_data(loaded[name]) == jax.random.key_data(key)).all()


def test_containers_and_numbers_are_those_of_like(tmp_path):
    tree = {"state": optax.adam(0.1).init({"w": jnp.ones(2)}), "rest": (1, 2.5, True, None, [], ())}
    loaded = roundtrip(tree, tmp_path)
    assert jax.tree.structure(loaded) == jax.tree.structure(tree)
    assert loaded["rest"] == tree["rest"]


def test_arrays_lie_where_those_of_like_do(tmp_path):
    mesh = jax.make_mesh((4,), ("data",), devices=jax.devices()[:4])
    divided = jax.NamedSharding(mesh, jax.P("data"))
    array = jax.device_put(np.arange(8.0), divided)
    assert roundtrip(array, tmp_path).sharding == divided
    like = jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=divided)
    assert roundtrip(array, tmp_path, like).sharding == divided
    assert not roundtrip(jnp.arange(3), tmp_path).committed


def test_numpy_reads_the_file(tmp_path):
    tree = {"body": [jnp.ones(2), jnp.asarray([1.5], jnp.bfloat16)], "at/the.end": np.arange(3)}
    fn.save(tmp_path / "tree.npz", tree)
    with np.load(tmp_path / "tree.npz") as file:
        assert set(file) == {"body.0", "body.1", "at/the.end", "manifest.json"}
        assert (file["at/the.end"] == tree["at/the.end"]).all()
        assert file["body.1"].view(jnp.bfloat16) == 1.5


def test_the_same_tree_makes_the_same_file(tmp_path):
    for name in "ab":
        fn.save(tmp_path / name, {"w": np.arange(3)})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_every_path_that_differs_is_named(tmp_path):
    tree = {
        "same": np.ones(2),
        "shape": np.ones(2),
        "dtype": np.ones(2),
        "missing": np.ones(2),
        "chain": (np.ones(2), ()),
    }
    like = {
        "same": np.ones(2),
        "shape": np.ones(3),
        "dtype": np.ones(2, "f4"),
        "more": 1,
        "chain": (np.ones(2), (), ()),
    }
    with pytest.raises(ValueError, match="must hold what is in like") as error:
        roundtrip(tree, tmp_path, like)
    assert str(error.value).split(": ", 1)[1].split("; ") == [
        "chain.2 must be a container without arrays, got nothing",
        "dtype must be float32[2], got float64[2]",
        "more must be int64[], got nothing",
        "shape must be float64[3], got float64[2]",
        "missing must be absent, got float64[2]",
    ]


@pytest.mark.parametrize(
    ("tree", "error", "message"),
    [
        ({"a": "text"}, TypeError, "a must be an array or a number, got str"),
        ({"a": np.array(["text"])}, TypeError, "a must hold numbers"),
        ({"a": np.array([None])}, TypeError, "a must hold numbers, got object"),
        ({"a": np.zeros(2, "M8[s]")}, TypeError, "a must hold numbers, got datetime64"),
        ({"a": np.zeros(2, "f4,f4")}, TypeError, "a must hold numbers"),
        ({"a.b": 1, "a": {"b": 2}}, ValueError, "two leaves have the path a.b"),
        ({"../a": 1}, ValueError, "'../a' cannot name a file in an archive"),
        ({"/a": 1}, ValueError, "'/a' cannot name a file"),
    ],
)
def test_what_cannot_be_saved_is_named_and_nothing_is_written(tree, error, message, tmp_path):
    with pytest.raises(error, match=message):
        fn.save(tmp_path / "tree.npz", tree)
    assert not list(tmp_path.iterdir())


def test_a_dtype_that_jax_would_change_is_refused(tmp_path):
    fn.save(tmp_path / "tree.npz", {"w": np.ones(2)})
    like = {"w": jax.ShapeDtypeStruct((2,), np.float64)}
    with jax.enable_x64(False), pytest.raises(ValueError, match=r"w must be float64, which needs .*jax_enable_x64"):
        fn.load(tmp_path / "tree.npz", like)


def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_and_no_other(call, tmp_path, monkeypatch):
    path = tmp_path / "tree.npz"
    fn.save(path, np.ones(3))
    monkeypatch.setattr(_files.os, call, full)
    with pytest.raises(OSError, match=r"tree.npz, 24 bytes where [\d,]+ are free: No space left on device$"):
        fn.save(path, np.zeros(3))
    assert [file.name for file in tmp_path.iterdir()] == ["tree.npz"]
    assert (fn.load(path, np.ones(3)) == 1).all()


def test_a_disk_that_is_too_small_is_found_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(_files.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 77, 23))
    monkeypatch.setattr(_files, "_replace", None)
    with pytest.raises(OSError, match=r"tree\.npz, 24 bytes where 23 are free: No space left on device"):
        fn.save(tmp_path / "tree.npz", np.zeros(3))


@pytest.mark.parametrize("place", ["file/tree.npz", "missing/tree.npz", ""])
def test_a_place_that_cannot_be_written_is_named(place, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=f"cannot write {tmp_path / place}") as error:
        fn.save(tmp_path / place, np.zeros(3))
    assert "\n" not in str(error.value)


def test_a_path_may_have_any_letters(tmp_path):
    assert roundtrip({"größe": np.ones(2), "模型": np.zeros(2)}, tmp_path / "").keys() == {"größe", "模型"}
    folder = tmp_path / "Läufe 模型"
    folder.mkdir()
    assert roundtrip(np.ones(2), folder).sum() == 2
