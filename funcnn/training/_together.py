"""What several processes do alike: decisions, errors and ends. Without it, some would wait for others that never come."""

import hashlib
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils

from .._core import PyTree
from .._paths import dotted


def together(own: Callable[[], int | None]) -> list[int]:
    """What each process computes for itself, by process, in all of them. Where it raises in one, it raises in all.

    Without that, the others would wait for ever for the one that left. What it does with other processes, it must do in
    all of them alike.

    Raises:
      RuntimeError: it raised in another process.
    """
    if jax.process_count() == 1:
        return [own() or 0]
    value, error = 0, None
    try:
        value = own() or 0
    except BaseException as caught:
        error = caught
    failed = 0 if error is None else 2 if alone(error) else 1
    failures, values = np.asarray(multihost_utils.process_allgather(np.array([failed, value], np.int32))).T
    if error is not None:
        raise error
    if failures.any():
        which = ", ".join(map(str, np.flatnonzero(failures)))
        kind = jax.errors.JaxRuntimeError if 2 in failures else RuntimeError
        raise kind(f"training ends in all processes because of an error in process {which}, which names it")
    return values.tolist()


def agreed(value: int) -> int:
    """Process 0's value, in every process: what depends on a clock must not differ between them."""
    return together(lambda: value)[0]


def alone(error: BaseException) -> bool:
    """Whether an error may have left this process without the others, so that nothing may wait for them any more.

    So it is where JAX raises it: a message to a process that died failed, or a device of this one did.
    """
    return jax.process_count() > 1 and isinstance(error, jax.errors.JaxRuntimeError)


def whole(array: jax.Array) -> jax.Array | np.ndarray:
    """The array itself, or all of its numbers where other processes have some of them; there each of them asks for it."""
    if array.is_fully_addressable or array.is_fully_replicated:
        return array
    return multihost_utils.process_allgather(array, tiled=True)


def require_same(what: str, tree: PyTree) -> None:
    """Raise ValueError unless all processes have the same arrays."""
    if jax.process_count() == 1:
        return
    own = hashlib.blake2b(digest_size=32)
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        a = np.ascontiguousarray(jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf)
        own.update(f"{dotted(path)} {a.dtype}{list(a.shape)}".encode())
        own.update(a.view(np.uint8).data if a.size else b"")
    digests = multihost_utils.process_allgather(np.frombuffer(own.digest(), np.uint8))
    if differs := [i for i, other in enumerate(digests) if (other != digests[0]).any()]:
        raise ValueError(f"{what} must be the same in all processes, got others than process 0's in {differs}")


def require_alike_lengths(lengths: list[int]) -> None:
    """Raise ValueError unless the next batch has as many examples in all processes, or is in none of them."""
    if min(lengths) == max(lengths):
        return
    if ended := [i for i, length in enumerate(lengths) if not length]:
        raise ValueError(f"data must have as many batches an epoch in every process, got fewer in {ended}")
    raise ValueError(f"batches must have as many examples in every process, got others than in process 0: {lengths}")
