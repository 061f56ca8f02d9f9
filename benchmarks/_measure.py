"""How everything here is measured: in turn (A B A B …), medians, ratios within one round, machine and versions on top."""

import argparse
import importlib.metadata
import inspect
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

PEERS = ("flax", "equinox", "dm-haiku", "torch")

Samples = dict[str, list]


def in_turn(contestants: Mapping[str, Callable], rounds: int = 7) -> Samples:
    """Every contestant's measurements, one a round; a round asks each in turn, so that all meet the same weather."""
    samples = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, measure in contestants.items():
            samples[name].append(measure())
    return samples


def seconds(function: Callable, *args) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    function(*args)
    return time.perf_counter() - start


def ratio(samples: Samples, slow: str, fast: str) -> float:
    """The median, over the rounds, of slow's measurement by fast's."""
    return statistics.median(s / f for s, f in zip(samples[slow], samples[fast], strict=True))


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Median, and from least to most: ``0.61 (0.58–0.70)``."""
    low, middle, high = (f"{v:,.{digits}f}" for v in (min(values), statistics.median(values), max(values)))
    return f"{middle} ({low}–{high})"


def at_least(bar: float, value: float, unit: str = "×") -> tuple[str, str, str]:
    """Bar, measured, and ``pass`` or ``MISS``, for a table."""
    return f"≥ {bar:g}{unit}", f"{value:,.4g}{unit}", "pass" if value >= bar else "**MISS**"


def at_most(bar: float, value: float, unit: str = "×") -> tuple[str, str, str]:
    """Bar, measured, and ``pass`` or ``MISS``, for a table."""
    return f"≤ {bar:g}{unit}", f"{value:,.4g}{unit}", "pass" if value <= bar else "**MISS**"


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a Markdown table."""
    for row in (columns, ["---"] * len(columns), *rows):
        print("|", " | ".join(map(str, row)), "|", flush=True)
    print(flush=True)


def title(claim: str) -> None:
    """Print a claim, the first line of a script's docstring, as a heading."""
    print(f"## {claim.strip().splitlines()[0]}\n", flush=True)


def header() -> None:
    """Print the machine and the versions."""
    packages = ("jax", "jaxlib", "optax", "numpy", *PEERS)
    versions = ", ".join(f"{package} {_version(package)}" for package in packages)
    print(f"{os.cpu_count()} cores of {_processor()}; Python {platform.python_version()}; {versions}.\n", flush=True)


def run_script(main: Callable) -> Any:
    """Call a script's main behind the header; each of its parameters is an option of the command line."""
    parser = argparse.ArgumentParser()
    for name, parameter in inspect.signature(main).parameters.items():
        kind = {"nargs": "+"} if parameter.default == () else {"type": type(parameter.default)}
        parser.add_argument(f"--{name}", default=parameter.default, **kind)
    options = parser.parse_args()
    header()
    return main(**vars(options))


def run_python(*args: str, **environment: str) -> str:
    """What another Python process prints; it may write bytecode and find it again, as an installed package does."""
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": ""} | environment
    done = subprocess.run([sys.executable, *args], capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RuntimeError(f"python {' '.join(args)} failed:\n{done.stderr}")
    return done.stdout


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _processor():
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
