"""How tests compare arrays: element by element, each array at its own scale, shapes and dtypes included."""

import jax
import numpy as np


def assert_close(got, expected, tolerance, what=""):
    """Every leaf of ``got`` is within ``tolerance``, relative to the largest element of the leaf expected."""
    paths = jax.tree_util.tree_leaves_with_path(got)
    trees = jax.tree.structure(got), jax.tree.structure(expected)
    assert trees[0] == trees[1], f"{headed(what)}{trees[0]}, expected {trees[1]}"
    for (path, a), b in zip(paths, jax.tree.leaves(expected), strict=True):
        where = headed(what, jax.tree_util.keystr(path, simple=True, separator=": "))
        assert a.shape == b.shape, f"{where}shape {a.shape}, expected {b.shape}"
        assert a.dtype == b.dtype, f"{where}dtype {a.dtype}, expected {b.dtype}"
        if a.dtype == jax.dtypes.float0:
            continue
        if jax.dtypes.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        error = largest_error(a, b)
        assert error <= tolerance, f"{where}relative error {error:.1e} > {tolerance:.1e}\n{a}\nexpected\n{b}"


def headed(*parts: str) -> str:
    """The head of a message: each part that is not empty, with a colon."""
    return "".join(f"{part}: " for part in parts if part)


def largest_error(got, expected) -> float:
    """The largest difference relative to the largest element expected; equal infinities and NaN with NaN agree.

    Test inputs are of size 1. So the scale is never below a thousandth: a gradient that is 0 in mathematics may be 1e-17 in
    one formulation.
    """
    got, expected = np.asarray(got).astype(np.float64), np.asarray(expected).astype(np.float64)
    same = (got == expected) | (np.isnan(got) & np.isnan(expected))
    if same.all():
        return 0.0
    finite = np.isfinite(got) & np.isfinite(expected)
    if not (same | finite).all():
        return np.inf
    scale = max(np.abs(expected[np.isfinite(expected)]).max(), 1e-3)
    return float(np.abs(got - expected)[~same].max() / scale)
