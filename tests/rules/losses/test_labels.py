"""Labels and targets of the wrong dtype: the error says which cast makes them right, and that cast does."""

import re

import jax
import jax.numpy as jnp
import pytest

import funcnn as fn

X = jnp.linspace(-1, 1, 12).reshape(4, 3)
IDS = jnp.array([0, 2, 1, 2])

CASTS = {
    "class numbers as floats": (fn.rules.softmax_cross_entropy, X, IDS.astype(X.dtype), "int32"),
    "onehot as ints": (fn.rules.softmax_cross_entropy, X, jax.nn.one_hot(IDS, 3, dtype=int), "float64"),
    "onehot as truth values": (fn.rules.softmax_cross_entropy, X, jax.nn.one_hot(IDS, 3, dtype=bool), "float64"),
    "onehot in single precision": (fn.rules.softmax_cross_entropy, X, jax.nn.one_hot(IDS, 3, dtype="f4"), "float64"),
    "hinge of floats": (fn.rules.multiclass_hinge, X, IDS.astype(X.dtype), "int32"),
    "binary, ints": (fn.rules.sigmoid_cross_entropy, X[:, 0], IDS // 2, "float64"),
    "binary, truth values": (fn.rules.focal, X[:, 0].astype("f4"), IDS == 2, "float32"),
    "numbers as ints": (fn.rules.squared_error, X[:, 0], IDS, "float64"),
    "counts": (fn.rules.poisson_nll, X[:, 0], IDS, "float64"),
}


@pytest.mark.parametrize("name", CASTS)
def test_the_error_says_the_cast(name):
    rule, prediction, target, dtype = CASTS[name]
    with pytest.raises((TypeError, ValueError), match=re.escape(f".astype('{dtype}')")):
        rule(prediction, target)
    assert jnp.isfinite(rule(prediction, target.astype(dtype))).all()
