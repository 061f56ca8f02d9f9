"""Who writes in a directory: one process at a time, found out by a lock that ends with the process, however it ends."""

import os
import socket
from pathlib import Path

from ..._warn import warn

_NAME = ".lock"


def hold(directory: Path) -> int:
    """The descriptor of a directory's lock, which is held until the descriptor is closed.

    Warns:
      UserWarning: the file system, or Windows, has no such locks.

    Raises:
      RuntimeError: somebody else holds it.
    """
    descriptor = os.open(directory / _NAME, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _lock(descriptor)
    except BlockingIOError:
        holder = os.read(descriptor, 1000).decode(errors="replace")
        os.close(descriptor)
        raise RuntimeError(
            f"another run, {holder}, writes checkpoints into {directory}: give each run its own"
        ) from None
    except (OSError, ImportError) as error:
        warn(f"a second run that writes into {directory} would go unseen: {error}")
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())
    return descriptor


def _lock(descriptor):
    import fcntl  # here, because Windows does not have it

    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
