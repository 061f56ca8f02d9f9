"""A cross-entropy does not depend on what is added to all logits of a row: not on its rounding either."""

import jax
import jax.numpy as jnp
import numpy as np

from funcnn import rules

RNG = np.random.default_rng(0)
LOGITS = jnp.asarray(RNG.normal(size=(5, 7)) + np.array([[1e6], [-1e6], [1e7], [1e5], [0.0]]), jnp.float32)
LABELS = jnp.asarray(RNG.integers(0, 7, 5))
WEIGHTS = jnp.asarray(RNG.dirichlet(np.ones(7), 5), jnp.float32)
KEYS = 1024 + RNG.integers(-3, 4, (5, 1)) / 1024  # 1024 times as much is exact in float32

LOSSES = {
    "class numbers": lambda x: rules.softmax_cross_entropy(x, LABELS),
    "smoothed": lambda x: rules.softmax_cross_entropy(x, LABELS, label_smoothing=0.1),
    "distributions": lambda x: rules.softmax_cross_entropy(x, WEIGHTS.astype(x.dtype)),
    "info_nce": lambda x: rules.info_nce(jnp.full((5, 1), 1024, x.dtype), jnp.asarray(KEYS, x.dtype), temperature=1.0),
    "log_softmax": rules.log_softmax,
}


def test_large_logits_lose_no_digits():
    found, expected = (
        jax.jit(lambda x: {name: f(x) for name, f in LOSSES.items()})(x) for x in (LOGITS, LOGITS.astype(jnp.float64))
    )
    for name in LOSSES:
        error = np.abs(found[name].astype(jnp.float64) - expected[name]).max()
        assert error <= 1e-6, (name, error)
