"""The settings under which both sides of a check run, and how they are compiled."""

import gc
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax

QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
if jax.__version_info__ < (0, 11):  # XLA still has its older emitters, which compile twice as fast
    QUICK["xla_cpu_use_fusion_emitters"] = False


Dtypes = str | tuple[str, ...]
KEPT_ARRAYS = "JAX keeps its NumPy arrays in float64"


@contextmanager
def settings(dtype: Dtypes = "float64") -> Iterator[None]:
    """JAX's default promotion, and x64 as the caller has it; where a dtype is "float64", x64 is on."""
    wide = "float64" in ((dtype,) if isinstance(dtype, str) else dtype)
    with jax.enable_x64(wide or x64()), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
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


def x64() -> bool:
    """Whether JAX has 64-bit numbers here; outside of `settings` that is the caller's own setting."""
    return bool(jax.config.jax_enable_x64)  # pyright: ignore[reportAttributeAccessIssue]


def compiled_quickly(f: Callable[..., Any]) -> Callable[..., Any]:
    """f under jit, compiled fast rather than well: most of a check's time is compilation."""
    jitted: dict[bool, Callable[..., Any]] = {}

    def run(*args: Any) -> Any:
        if x64() not in jitted:
            jitted[x64()] = jax.jit(apart(f), compiler_options=QUICK if jax.default_backend() == "cpu" else None)
        return jitted[x64()](*args)

    def run_afresh(*args: Any) -> Any:
        try:
            return run(*args)
        except ValueError as error:
            if not of_kept_arrays(error):
                raise
        jax.clear_caches()
        jitted.clear()
        gc.collect()
        return run(*args)

    return run_afresh


def of_kept_arrays(error: Exception) -> bool:
    """Whether a program has a NumPy array of the other setting's dtype: JAX keeps what it made of it, see `apart`."""
    return isinstance(error, ValueError) and "verifier errors" in str(error)


def apart(f: Callable[..., Any]) -> Callable[..., Any]:
    """f as another function, for tracing under another setting of x64.

    JAX keeps the NumPy arrays that a function closes over as it met them under the first one.
    """
    return lambda *args: f(*args)
