"""The integers that linear_log_prob gives beside its numbers, and the memory that it takes."""

import jax
import jax.numpy as jnp
import numpy as np

from funcnn import rules


def test_argmax_is_the_first_largest_logit_whatever_the_chunks():
    w = jnp.asarray(np.random.default_rng(0).integers(-2, 3, (3, 7)), jnp.float32)  # with ties
    x, labels = jnp.eye(3, dtype=jnp.float32), jnp.arange(3, dtype=jnp.uint8)
    run = jax.jit(lambda: [rules.linear_log_prob(x, w, labels, chunk=chunk)[-2:] for chunk in (2, 7)])
    best = np.argmax(np.asarray(w), axis=-1)
    for argmax, correct in run():
        np.testing.assert_array_equal(argmax, best)
        np.testing.assert_array_equal(correct, best == np.asarray(labels))


def test_memory_does_not_grow_with_the_classes():
    def temporary(classes):
        shapes = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in ((256, 8), (8, classes))]
        loss = lambda x, w: rules.linear_log_prob(x, w, jnp.zeros(256, jnp.int32), chunk=64).log_prob.sum()
        analysis = jax.jit(jax.grad(loss, (0, 1))).lower(*shapes).compile().memory_analysis()
        return analysis.temp_size_in_bytes if analysis else 0

    assert temporary(4096) <= 1.1 * temporary(512)
