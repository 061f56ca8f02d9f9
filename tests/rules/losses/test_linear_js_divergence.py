"""What linear_js_divergence keeps in memory: nothing that grows with the classes, and nothing of a fixed teacher."""

import jax
import jax.numpy as jnp

from funcnn import rules


def temporary(classes, differentiated):
    """Temporary bytes of the gradient."""
    shapes = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in [(64, 4), (4, classes)] * 2]
    loss = lambda *heads: rules.linear_js_divergence(*heads, chunk=2**15 // classes).sum()
    return jax.jit(jax.grad(loss, differentiated)).lower(*shapes).compile().memory_analysis().temp_size_in_bytes


def test_memory_does_not_grow_with_the_classes():
    assert temporary(4096, (0, 1)) <= 1.1 * temporary(1024, (0, 1))


def test_a_fixed_teacher_costs_nothing():
    assert temporary(1024, (0, 1)) < 0.8 * temporary(1024, (0, 1, 2, 3))
