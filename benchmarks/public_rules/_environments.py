"""Virtual environments that have the public packages: one for each version of JAX that they install with."""

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

OURS = ("chex", "optax", "tqdm")  # what funcnn itself needs beside JAX; it is run from its source


class Environment(NamedTuple):
    """A version of JAX, and the packages that are asked of it.

    Attributes:
      name: of its folder.
      why: it is one of its own.
      packages: requirements, each pinned to the version whose verdicts are written down.
    """

    name: str
    why: str
    packages: tuple[str, ...]


ENVIRONMENTS: tuple[Environment, ...] = (
    Environment(
        "jax-0.12",
        "the newest JAX",
        (
            *("jax==0.12.0.1", "optax==0.2.8", "numpyro==0.22.0", "distrax==0.1.9", "jaxopt==0.8.5", "ott-jax==0.6.0"),
            *("lineax==0.1.1", "diffrax==0.7.2", "equinox==0.13.8", "e3nn-jax==0.21.0", "matfree==0.6.3"),
            *("flax==0.12.12", "folx==0.2.30", "jax-md==0.2.29", "optimistix==0.1.0"),
            *("flowjax==19.1.2", "rlax==0.1.9", "mujoco-mjx==3.17.0", "jaxoplanet==0.2.0", "nifty8==8.5.7"),
            *("wcosmo==0.7.1", "netket==3.23.0", "tfp-nightly==0.26.0.dev20261027"),
        ),
    ),
    Environment(
        "jax-0.10",
        "kfac-jax needs jax.core.Effects and pennylane jax.core.is_concrete, which newer ones have not",
        ("jax==0.10.2", "kfac-jax==0.0.8", "pennylane==0.45.1", "distrax==0.1.9", "tfp-nightly==0.26.0.dev20261027"),
    ),
)


def named(requirement: str) -> str:
    """The package of a requirement."""
    return requirement.split("==")[0]


def python_of(environment: Environment, folder: Path) -> Path:
    """The environment's Python, in a virtual environment that is made where there is none with these packages."""
    home, wanted = folder / environment.name, json.dumps([sys.version, environment.packages])
    python, stamp = home / "bin" / "python", home / "packages.json"
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    print(f"making {home} ({environment.why}): {', '.join(environment.packages)}", file=sys.stderr, flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *environment.packages, *OURS], check=True)
    stamp.write_text(wanted)
    return python
