"""The settings under which both sides of a check run, and how they are compiled."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax

QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
if jax.__version_info__ < (0, 11):  # XLA still has its older emitters, which compile twice as fast
    QUICK["xla_cpu_use_fusion_emitters"] = False


@contextmanager
def settings() -> Iterator[None]:
    """Double precision and JAX's default promotion, whatever the caller's settings are."""
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


@contextmanager
def quiet_callbacks() -> Iterator[None]:
    """Without the tracebacks that JAX prints for a callback that raises: the error itself comes, too, and is listed."""
    loggers = [logging.getLogger(f"jax._src.{module}") for module in ("callback", "debugging")]
    silent = lambda record: record.exc_info is None
    for logger in loggers:
        logger.addFilter(silent)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(silent)


def compiled_quickly(f: Callable[..., Any]) -> Callable[..., Any]:
    """f under jit, compiled fast rather than well: most of a check's time is compilation."""
    return jax.jit(f, compiler_options=QUICK if jax.default_backend() == "cpu" else None)
