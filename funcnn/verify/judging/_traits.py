"""What the programs of both sides say of a problem before anything is run."""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from ..programs._facts import Facts

EPS = {"float64": 2.0**-53, "float32": 2.0**-24, "bfloat16": 2.0**-8, "float16": 2.0**-11}


class Traits(NamedTuple):
    """What both sides' backward programs say.

    Attributes:
      constants: magnitudes of the literals that could be a threshold.
      thresholds: those of them that stand in the rule but not in the function.
      marks: integers that the function looks for in its arguments.
      indexed: lengths of the axes that the function indexes.
      wraps: whether the function takes whole numbers modulo another.
      decomposes: whether either side decomposes matrices.
      callbacks: whether either side calls back to the host.
      unbounded: whether either side has a loop that counts no steps.
      iterates: whether either side has a loop that ends when some number gets small.
      finest: the smallest tolerance at which such a loop stops.
      eps: the unit roundoff to expect in float64, that of a coarser dtype where either side computes in one.
    """

    constants: tuple[float, ...]
    thresholds: tuple[float, ...]
    marks: tuple[int, ...]
    indexed: frozenset[int]
    wraps: bool
    decomposes: bool
    callbacks: bool
    unbounded: bool
    iterates: bool
    finest: float
    eps: float


def traits_of(rule: Facts, bare: Facts) -> Traits:
    """What the facts of the rule's and of the truth's program come to."""
    coarse = [EPS["float32"]] if "float32" in rule.dtypes | bare.dtypes else []
    coarse += [EPS[half] for half in ("bfloat16", "float16") if half in bare.dtypes]
    return Traits(
        constants=tuple(sorted({*rule.constants, *bare.constants})),
        thresholds=tuple(sorted({*rule.constants} - {*bare.constants})),
        marks=bare.marks,
        indexed=bare.indexed,
        wraps=bare.wraps,
        decomposes=rule.decomposes or bare.decomposes,
        callbacks=rule.callbacks or bare.callbacks,
        unbounded=rule.unbounded or bare.unbounded,
        iterates=rule.iterates or bare.iterates,
        finest=min(rule.finest, bare.finest),
        eps=max([EPS["float64"], *coarse]),
    )


def asked_for(example: Sequence[np.ndarray], dtypes: Sequence[str]) -> bool:
    """Whether no dtype, one for each argument, is coarser or of a smaller range than the example's."""
    pairs = [(jnp.finfo(d), jnp.finfo(a.dtype)) for d, a in zip(dtypes, example, strict=True)]
    return all(d.eps <= own.eps and d.max >= own.max for d, own in pairs)
