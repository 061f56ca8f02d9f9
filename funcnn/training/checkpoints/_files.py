"""A file that is there as a whole or not at all, and what is said where it cannot be written."""

import errno
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ._format import write
from ._leaves import Numbers

_TEMPORARY = ".{}.{}.tmp"


def write_file(path: Path, arrays: Mapping[str, Numbers], notes: Any) -> None:
    """Write a file in place of one of that name; whatever happens, one of the two is there, whole.

    Raises:
      OSError: it cannot be written; the error says why, how many bytes it takes and how many are free.
    """
    require_room(path, arrays)
    try:
        _replace(path, lambda file: write(file, arrays, notes))
    except OSError as error:
        raise _explained(path, arrays, error) from None


def require_room(path: Path, arrays: Mapping[str, Numbers]) -> None:
    """Raise OSError, in the same words, if the disk has less room than the arrays take."""
    try:
        if shutil.disk_usage(path.parent).free < _size(arrays):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as error:
        raise _explained(path, arrays, error) from None


def sweep(directory: Path, pattern: str) -> None:
    """Delete what an earlier process, which was killed, left of files that it was writing under such a name."""
    for left in directory.glob(_TEMPORARY.format(pattern, "*")):
        left.unlink()


def _replace(path: Path, fill: Callable[[BinaryIO], None]) -> None:
    temporary = path.with_name(_TEMPORARY.format(path.name, secrets.token_hex(4)))
    try:
        with open(temporary, "x+b") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _sync(directory):
    """Have the directory itself on the disk, which names the file; Windows has no such call."""
    if os.name == "nt":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _size(arrays):
    return sum(kind.nbytes for kind, _ in arrays.values())


def _explained(path, arrays, error):
    try:
        free = f" where {shutil.disk_usage(path.parent).free:,} are free"
    except OSError:  # of a folder that is not there
        free = ""
    return OSError(error.errno, f"cannot write {path}, {_size(arrays):,} bytes{free}: {error.strerror or error}")
