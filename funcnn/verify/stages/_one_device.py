"""What a machine with one device cannot show: a rule that asks which shard it is on."""

from collections.abc import Callable
from typing import Any

import jax

from .._settings import settings
from ..judging._problem import Side
from ..judging._trial import Trial
from ..programs._evaluate import equations
from ..report._report import Finding

_ACROSS = {
    "axis_index", "psum", "psum2", "psum_invariant", "pmax", "pmin", "ppermute", "all_gather", "all_gather_invariant",
    "all_to_all", "reduce_scatter",
}  # fmt: skip


def told_of_shards(trial: Trial, run: Callable[[Side], Callable[..., Any]], args: tuple[Any, ...]) -> None:
    """Leave undecided what a rule does with its shard's number or with other shards, where there is one shard only.

    Args:
      trial: the check under way.
      run: ``run(side)(*args)`` are a side's cotangents inside of `jax.shard_map`.
      args: see there.
    """

    def asked(side: Side) -> set[str]:
        with settings(trial.sides.dtype):
            return {e.primitive.name for _, e in equations(jax.make_jaxpr(run(side))(*args).jaxpr)} & _ACROSS

    if jax.device_count() > 1:
        return
    try:
        found = asked(trial.problem.rule) - asked(trial.problem.bare)
    except Exception:  # it refuses shard_map, which the transformation itself tells
        return
    if found:
        why = f"the rule uses {', '.join(sorted(found))} in shard_map, and JAX has one device here: set jax_num_cpu_devices"
        trial.ledger.add(Finding("S7", "inconclusive", why))
