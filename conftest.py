"""Every test, and every example in a docstring, runs in double precision, with nothing promoted or broadcast silently.

Most of the suite's time is compilation. So programs are compiled quickly rather than well, what one process or run has
compiled the others read, and JAX's caches in memory are cleared now and then.
"""

import importlib.util
import itertools
import os

import jax

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_num_cpu_devices", 8)

from funcnn.verify._settings import QUICK  # noqa: E402

# Read when JAX first computes something; processes that tests start inherit it.
os.environ["XLA_FLAGS"] = " ".join(
    [os.environ.get("XLA_FLAGS", ""), *(f"--{flag}={str(value).lower()}" for flag, value in QUICK.items())]
)

import jax.numpy as jnp  # noqa: E402
import optax  # noqa: E402
import pytest  # noqa: E402

import funcnn as fn  # noqa: E402

pytest_plugins = ["pytester", "tests.helpers.rotation"]
collect_ignore_glob = [] if importlib.util.find_spec("torch") else ["*/beside_torch.py"]  # who imports it is skipped

_finished = itertools.count(1)


def pytest_configure(config):
    """Keep compiled programs on disk, in pytest's own cache: ``pytest --cache-clear`` compiles all of them anew."""
    if cache := getattr(config, "cache", None):
        jax.config.update("jax_compilation_cache_dir", str(cache.mkdir("jax")))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@pytest.fixture(autouse=True)
def _names(doctest_namespace):
    """What the examples in docstrings may use."""
    doctest_namespace.update(vars(fn.rules), **vars(fn.losses))
    doctest_namespace.update(vars(fn), jax=jax, jnp=jnp, optax=optax)


@pytest.fixture(autouse=True)
def _cleared_caches():
    """Clear the caches now and then: thousands of compiled programs take gigabytes and slow a worker down."""
    yield
    if next(_finished) % 150 == 0:
        jax.clear_caches()
