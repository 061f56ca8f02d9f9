"""A damaged, cut off or forged file is told from a whole one, wherever the damage is."""

import io
import json
import os
import pickle
import random
import zipfile

import numpy as np
import pytest

import funcnn as fn
from funcnn.training.checkpoints import _format
from funcnn.training.checkpoints._format import BrokenFileError
from funcnn.training.checkpoints._leaves import Kind

TREE = {"w": np.arange(6.0).reshape(2, 3), "b": np.zeros(3, np.float16), "empty": (), "none": np.zeros((0, 2))}


@pytest.fixture
def path(tmp_path):
    fn.save(tmp_path / "tree.npz", TREE)
    return tmp_path / "tree.npz"


@pytest.fixture
def draw():
    seed = int.from_bytes(os.urandom(4))
    print("seed", seed)
    return random.Random(seed)


def require_broken(path, what=""):
    with pytest.raises(BrokenFileError) as error:
        raise_for(path, what)
    assert f"{path} is not as funcnn wrote it" in str(error.value)


def raise_for(path, what):
    fn.load(path, TREE)
    pytest.fail(what)


def test_no_flipped_bit_goes_unseen(path, draw):
    whole = path.read_bytes()
    for bit in draw.sample(range(8 * len(whole)), 150):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        require_broken(path, f"bit {bit} of {8 * len(whole)}")


def test_no_truncation_goes_unseen(path, draw):
    whole = path.read_bytes()
    for size in [0, 1, len(whole) - 1, *draw.sample(range(len(whole)), 50)]:
        path.write_bytes(whole[:size])
        require_broken(path, f"{size} of {len(whole)} bytes")


def test_what_is_added_is_seen(path):
    path.write_bytes(path.read_bytes() + b"\0")
    require_broken(path)


class Opened:
    """What a pickle of it does when it is read: writes a file."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def forged(path, members, arrays, mark=_format._MARK, version=1, compression=zipfile.ZIP_STORED):
    """A file whose members and whose manifest's arrays are these, sealed as a whole one is."""
    with open(path, "w+b") as file:
        with zipfile.ZipFile(file, "w", compression) as archive:
            archive.comment = mark + bytes(64)
            for name, content in members.items():
                archive.writestr(zipfile.ZipInfo(name), content, compress_type=compression)
            archive.writestr("manifest.json", json.dumps({"format": version, "arrays": arrays, "notes": {"empty": []}}))
        entries = {name: _format._entry(**given) for name, given in arrays.items()}
        try:
            seal = _format._seal(file, entries)
        except (TypeError, ValueError):  # refused for more than its seal
            seal = b"0" * 64
        file.seek(-64, os.SEEK_END)
        file.write(seal)


def npy(array, pickled=False):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array), allow_pickle=pickled)
    return file.getvalue()


HASH = "0" * 64
LONG = _format._header(Kind("float64", (2**40,))) + bytes(16)
ENTRY = {"dtype": "float64", "shape": [2], "offset": 163, "sha256": HASH}


@pytest.mark.parametrize(
    ("members", "arrays", "why"),
    [
        ({"w.npy": npy(np.ones(2))}, {"w": {**ENTRY, "dtype": "object"}}, "must hold numbers, got object"),
        ({"w.npy": npy(np.ones(2))}, {"w": {**ENTRY, "dtype": "f8,f8"}}, "must hold numbers"),
        ({"w.npy": LONG}, {"w": {**ENTRY, "shape": [2**40]}}, "or end behind it"),
        ({"w.npy": npy(np.ones(2))}, {"w": {**ENTRY, "shape": [3]}}, "the header of w is another one"),
        ({"w.npy": npy(np.ones(2))}, {"w": {**ENTRY, "dtype": "int64"}}, "the header of w is another one"),
        ({"w.npy": npy(np.ones(2))}, {"w": {**ENTRY, "offset": 0}}, "the header of w is another one"),
        ({"w.npy": npy(np.ones(2)), "v.npy": npy(np.ones(2))}, {"w": ENTRY, "v": ENTRY}, "its arrays overlap"),
        (
            {"w.npy": npy(np.ones(2)), "v.npy": npy(np.ones(2))},
            {"w": ENTRY},
            "its members are not those of its manifest",
        ),
        ({"../w.npy": npy(np.ones(2))}, {"../w": {**ENTRY, "offset": 166}}, "'../w' cannot name a file"),
        ({"w.npy": npy(np.ones(2))}, {"w": ENTRY}, "the sha256 of w is another one"),
    ],
)
def test_a_file_that_lies_is_refused(members, arrays, why, tmp_path):
    path = tmp_path / "forged.npz"
    forged(path, members, arrays)
    with pytest.raises(BrokenFileError, match=why):
        fn.load(path, {"w": np.ones(2)})


@pytest.mark.parametrize("shape", [[-1, 2], [1.5], ["2"], [True], [2**70], 2, [1] * 100])
def test_shapes_that_are_none_are_refused(shape, tmp_path):
    with open(tmp_path / "forged.npz", "w+b") as file, zipfile.ZipFile(file, "w") as archive:
        archive.comment = _format._MARK + bytes(64)
        manifest = {"format": 1, "arrays": {"w": {**ENTRY, "shape": shape}}, "notes": {"empty": []}}
        archive.writestr("manifest.json", json.dumps(manifest))
    with pytest.raises(BrokenFileError):
        fn.load(tmp_path / "forged.npz", {"w": np.ones(2)})


def test_a_pickle_is_never_opened(tmp_path):
    path, witness = tmp_path / "forged.npz", tmp_path / "witness"
    pickled = npy(np.array([Opened(witness)], object), pickled=True)
    forged(path, {"w.npy": pickled}, {"w": {**ENTRY, "offset": len(pickled)}})
    with pytest.raises(BrokenFileError):
        fn.load(path, {"w": np.ones(2)})
    np.savez(path, w=np.array([Opened(witness)], object))
    with pytest.raises(BrokenFileError, match="its last bytes are others"):
        fn.load(path, {"w": np.ones(2)})
    assert not witness.exists()
    pickle.loads(pickle.dumps(Opened(witness))).close()  # it would have written
    assert witness.exists()


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "forged.npz"
    forged(path, {"w.npy": bytes(10**6)}, {}, compression=zipfile.ZIP_DEFLATED)
    monkeypatch.setattr(zipfile.ZipFile, "read", None)
    with pytest.raises(BrokenFileError, match="it is compressed"):
        fn.load(path, {"w": np.ones(2)})


def test_a_manifest_too_deep_is_refused(tmp_path):
    path = tmp_path / "forged.npz"
    with open(path, "wb") as file, zipfile.ZipFile(file, "w") as archive:
        archive.comment = _format._MARK + bytes(64)
        archive.writestr("manifest.json", "[" * 10**5 + "]" * 10**5)
    with pytest.raises(BrokenFileError):
        fn.load(path, {})


def test_a_newer_format_is_named(tmp_path):
    path = tmp_path / "newer.npz"
    forged(path, {}, {}, version=_format.FORMAT + 1)
    with pytest.raises(ValueError, match=f"newer.npz has format {_format.FORMAT + 1}, of a newer funcnn") as error:
        fn.load(path, {})
    assert not isinstance(error.value, BrokenFileError)


def test_large_arrays_are_read_in_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(_format, "_CHUNK", 1000)
    tree = {"long": np.arange(1001), "none": np.zeros(0), "exact": np.arange(125)}
    fn.save(tmp_path / "tree.npz", tree)
    for name, array in fn.load(tmp_path / "tree.npz", tree).items():
        assert (array == tree[name]).all()
