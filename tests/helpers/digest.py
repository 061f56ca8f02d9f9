"""One number for all that a run must repeat to the bit."""

import hashlib

import jax
import numpy as np

CLOCK = {"seconds", "examples_per_second", "compilations"}  # columns that say how long it took


def digest(state, history) -> str:
    """The sha256 of parameters, optimizer state, key, step, position and history, dtypes and shapes included."""
    rows = {name: column for name, column in history.items() if name not in CLOCK}
    sha256 = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path((state, rows)):
        key = jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        array = np.asarray(jax.random.key_data(leaf) if key else leaf)
        sha256.update(f"{path} {array.dtype} {array.shape}".encode() + array.tobytes())
    return sha256.hexdigest()
