"""Every test, and every example in a docstring, runs in double precision, with nothing promoted or broadcast silently."""

import jax

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_num_cpu_devices", 8)

import jax.numpy as jnp  # noqa: E402
import optax  # noqa: E402
import pytest  # noqa: E402

import funcnn as fn  # noqa: E402

pytest_plugins = ["pytester"]


@pytest.fixture(autouse=True)
def _names(doctest_namespace):
    """What the examples in docstrings may use."""
    doctest_namespace.update(vars(fn.rules), **vars(fn.losses))
    doctest_namespace.update(vars(fn), jax=jax, jnp=jnp, optax=optax)
