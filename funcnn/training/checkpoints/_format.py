"""The format of a file: NumPy's npz with a manifest, in which every byte is under a sha256.

Each array is a member ``NAME.npy``, not compressed. The last member, ``manifest.json``, holds the version of the format,
some notes, and the dtype, shape, place and sha256 of each array. The archive's comment is the sha256 of all that is not an
array's numbers. So `numpy.load` reads the file, and a flipped bit is found wherever it is.

Dtypes that NumPy lacks are stored as unsigned integers, their bits, and keys of JAX as their words.
"""

import hashlib
import io
import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, NamedTuple
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import numpy as np

from ._leaves import Kind, Numbers, from_bytes, to_bytes

FORMAT = 1
_MANIFEST = "manifest.json"
_MARK = b"funcnn sha256 "
_DIGITS = 64
_CHUNK = 2**18  # bytes, hashed while they are in the processor's cache


class BrokenFileError(ValueError):
    """A file is not as it was written: damaged, cut off, forged, or of another origin."""


class Entry(NamedTuple):
    """An array in a file: what it is, where its numbers begin, and their sha256."""

    kind: Kind
    offset: int
    sha256: str

    @property
    def stop(self) -> int:
        """Where its numbers end."""
        return self.offset + self.kind.nbytes


class Manifest(NamedTuple):
    """What is in a file: its arrays by name, and its notes, which are JSON."""

    entries: dict[str, Entry]
    notes: Any


def write(file: BinaryIO, arrays: Mapping[str, Numbers], notes: Any) -> None:
    """Write arrays and notes into an empty file.

    Raises:
      ValueError: a name cannot be that of a file in an archive.
    """
    with ZipFile(file, "w") as archive:
        archive.comment = _MARK + bytes(_DIGITS)
        entries = {name: _append(archive, file, name, numbers) for name, numbers in arrays.items()}
        archive.writestr(ZipInfo(_MANIFEST), json.dumps({"format": FORMAT, "arrays": _listed(entries), "notes": notes}))
    seal = _seal(file, entries)
    file.seek(-_DIGITS, os.SEEK_END)
    file.write(seal)


def is_marked(path: Path) -> bool:
    """Whether a file ends as those do that `write` wrote."""
    end = len(_MARK) + _DIGITS
    if not path.is_file() or path.stat().st_size < end:
        return False
    with open(path, "rb") as file:
        file.seek(-end, os.SEEK_END)
        return file.read(len(_MARK)) == _MARK


def read_manifest(path: Path) -> Manifest:
    """The manifest of a file, after everything in it but the arrays' numbers was checked.

    Raises:
      BrokenFileError: something in it is not as it was written.
      ValueError: a newer version of this library wrote it.
    """
    with open(path, "rb") as file, _told(path):
        _require(is_marked(path), "its last bytes are others")
        seal_at = file.seek(-_DIGITS, os.SEEK_END)
        seal = file.read()
        with ZipFile(file) as archive:
            members = archive.infolist()
            _require(all(info.compress_type == ZIP_STORED for info in members), "it is compressed")
            _require(archive.getinfo(_MANIFEST).file_size <= seal_at, "its manifest is longer than itself")
            manifest = json.loads(archive.read(_MANIFEST))
        version = manifest["format"]
        if version == FORMAT:
            entries = {name: _entry(**given) for name, given in manifest["arrays"].items()}
            names = sorted(info.filename for info in members)
            _require(names == sorted([_MANIFEST, *map(_member, entries)]), "its members are not those of its manifest")
            _require(seal == _seal(file, entries), "its sha256 is another one")
            return Manifest(entries, manifest["notes"])
        _require(isinstance(version, int) and version > FORMAT, f"its format is {version!r}")
    raise ValueError(f"{path} has format {version}, of a newer funcnn; this one reads up to format {FORMAT}: update it")


def read_arrays(path: Path, entries: Mapping[str, Entry]) -> dict[str, Any]:
    """Those arrays, NumPy's or keys, each hashed while it is read, several at a time.

    Raises:
      BrokenFileError: an array is not as it was written.
    """
    by_size = sorted(entries, key=lambda name: -entries[name].kind.nbytes)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        numbers = dict(zip(by_size, pool.map(lambda name: _numbers(path, name, entries[name]), by_size), strict=True))
    return {name: from_bytes(numbers[name], entry.kind) for name, entry in entries.items()}


def _append(archive, file, name, numbers):
    """The entry of an array, after it was written."""
    kind, array = numbers
    digest = hashlib.sha256()
    with archive.open(ZipInfo(_member(name)), "w", force_zip64=True) as member:
        member.write(_header(kind))
        offset = file.tell()
        for chunk in _chunks(to_bytes(array, kind)):
            digest.update(chunk)
            member.write(chunk)
    return Entry(kind, offset, digest.hexdigest())


def _numbers(path, name, entry):
    """The bytes of an array, uint8 ``[nbytes]``, at an address that JAX need not copy them from."""
    with open(path, "rb", buffering=0) as file, _told(path):
        size = entry.kind.nbytes
        room = np.empty(size + 64, np.uint8)
        start = -room.ctypes.data % 64
        numbers = room[start : start + size]
        digest = hashlib.sha256()
        file.seek(entry.offset)
        for chunk in _chunks(numbers):
            _require(_fill(file, chunk), f"{name} is cut off")
            digest.update(chunk)
        _require(digest.hexdigest() == entry.sha256, f"the sha256 of {name} is another one")
        return numbers


def _fill(file, chunk):
    """Whether the file had enough bytes to fill the chunk."""
    filled = 0
    while filled < len(chunk) and (more := file.readinto(chunk[filled:])):
        filled += more
    return filled == len(chunk)


def _seal(file, entries):
    """The sha256 of all that is not an array's numbers, which lie apart from each other and behind their headers."""
    digest, place = hashlib.sha256(), 0
    end = file.seek(0, os.SEEK_END) - _DIGITS
    for name, (kind, offset, _) in sorted(entries.items(), key=lambda item: item[1].offset):
        header = _header(kind)
        between = _between(file, place, offset)
        _require(between.endswith(header), f"the header of {name} is another one than in the manifest")
        digest.update(between)
        place = entries[name].stop
    digest.update(_between(file, place, end))
    return digest.hexdigest().encode()


def _between(file, start, stop):
    _require(0 <= start <= stop, "its arrays overlap, or end behind it")
    file.seek(start)
    return file.read(stop - start)


def _header(kind):
    """What stands before an array's numbers in NumPy's format."""
    dtype, shape = kind.stored
    header = io.BytesIO()
    described = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, described)
    return header.getvalue()


def _chunks(numbers: np.ndarray) -> Iterator[np.ndarray]:
    return (numbers[i : i + _CHUNK] for i in range(0, len(numbers), _CHUNK))


def _member(name):
    """The name of an array's member: one that stays in the folder where somebody unpacks it."""
    member = f"{name}.npy"
    if "\\" in name or "\0" in name or member.startswith("/") or ".." in PurePosixPath(member).parts:
        raise ValueError(f"{name!r} cannot name a file in an archive")
    return member


def _listed(entries):
    return {
        name: {"dtype": kind.dtype, "shape": kind.shape, "offset": offset, "sha256": sha256}
        for name, (kind, offset, sha256) in entries.items()
    }


def _entry(dtype, shape, offset, sha256):
    _require(all(type(number) is int and 0 <= number < 2**62 for number in (*shape, offset)), "a number is no size")
    return Entry(Kind(str(dtype), tuple(shape)), offset, str(sha256))


def _require(holds, why):
    if not holds:
        raise BrokenFileError(why)


@contextmanager
def _told(path):
    """Whatever a damaged file makes of those who read it, as one error."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        raise BrokenFileError(f"{path} is not as funcnn wrote it: {error or type(error).__name__}") from error
