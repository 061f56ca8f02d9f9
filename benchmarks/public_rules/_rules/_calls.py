"""Calls of a rule by its name, and example arguments in single precision, as a user has them."""

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._rule import Call


def named(path: str) -> Any:
    """What ``package.module:name`` names."""
    module, name = path.split(":")
    return getattr(importlib.import_module(module), name)


def calling(path: str, *args: Any, after: Callable[..., Any] | None = None, **options: Any) -> Callable[[], Call]:
    """A call of what the path names on the arguments given.

    Args:
      path: ``package.module:name``.
      *args: the arguments.
      after: ``after(f, *args)`` is called in place of ``f(*args)``, where f needs more than arrays.
      **options: of `funcnn.verify.check`.
    """

    def call() -> Call:
        f = named(path)
        return Call(f if after is None else partial(after, f), args, options)

    return call


def array(*values: Any) -> jax.Array:
    """A vector of numbers, or a matrix of lists."""
    return jnp.asarray(values, jnp.float32)


def scalar(value: float) -> jax.Array:
    """A number."""
    return jnp.asarray(value, jnp.float32)


def normal(*shape: int, seed: int = 0) -> jax.Array:
    """Standard normal numbers."""
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def definite(size: int, seed: int = 0) -> jax.Array:
    """A symmetric positive-definite matrix."""
    a = np.random.default_rng(seed).normal(size=(size, size))
    return jnp.asarray(a @ a.T + size * np.eye(size), jnp.float32)
