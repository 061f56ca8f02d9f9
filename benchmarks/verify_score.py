"""How many wrong rules a checker catches, and how many right ones it flags: funcnn.verify beside the usual ways.

Every case of the scoring set in tests/verify/scoring has one natural example input. The held-out part, by authors who had
not seen the checker, is reported by itself. With ``--seeds N`` the right rules are checked under N seeds, in the example's
dtype and in bfloat16, instead.

Run: python -m benchmarks.verify_score [--level full] [--every 1] [--seeds 0] [--jobs 2]
"""

import argparse
import os
import statistics
import tempfile
import time
import warnings
from functools import partial
from multiprocessing import get_context
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
from jax.test_util import check_grads
from tqdm import tqdm

from benchmarks._measure import table
from funcnn.verify import check, without_rules
from tests.verify.scoring import ALL, HELD_OUT, SEEN


def split(args):
    """The differentiable arguments of a case, and a way to put them back."""
    leaves, tree = jax.tree.flatten(args)
    places = [i for i, a in enumerate(leaves) if hasattr(a, "dtype") and jnp.issubdtype(a.dtype, jnp.floating)]

    def join(floats):
        full = list(leaves)
        for i, a in zip(places, floats, strict=True):
            full[i] = a
        return jax.tree.unflatten(tree, full)

    return [leaves[i] for i in places], join


def by_check_grads(f, args, reference):
    floats, join = split(args)
    check_grads(lambda *floats: f(*join(floats)), floats, order=1, modes=["rev"])


def naive(close, f, args, reference):
    """The gradient of the sum by the rule, and by autodiff of the truth."""
    floats, join = split(args)

    def gradient(g):
        total = lambda floats: sum(jnp.sum(y) for y in split(g(*join(floats)))[0])
        return jax.grad(total)(floats)

    close(gradient(f), gradient(reference or without_rules(f)))


def allclose(a, b):
    for x, y in zip(a, b, strict=True):
        np.testing.assert_allclose(x, y, 1e-3, 1e-5)


CHECKERS = {
    "jax.test_util.check_grads": by_check_grads,
    "chex, gradient of the sum": partial(naive, partial(chex.assert_trees_all_close, rtol=1e-5, atol=1e-6)),
    "allclose(1e-3, 1e-5), gradient of the sum": partial(naive, allclose),
}
OURS = "funcnn.verify.check"
_COMPILED_ONCE = {  # the seeds' programs are the same
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}


class Result(NamedTuple):
    """What came of one case: who rejects it, our own status, and the seconds that it took us."""

    name: str
    rejecting: frozenset[str]
    status: str
    seconds: float


def judge(name, level, seed=0, half=False, peers=True) -> Result:
    """One case by every checker; in bfloat16 where ``half`` is asked for."""
    warnings.simplefilter("ignore")
    case = next(case for case in ALL if case.name == name)
    rejecting = set()
    for checker, rejects in CHECKERS.items() if peers and not case.surrogate else ():
        try:
            rejects(*case.make(), case.reference)
        except Exception:
            rejecting.add(checker)
    f, args = case.make()
    if half:
        floats, join = split(args)
        args = join([a.astype(jnp.bfloat16) for a in floats])
    start = time.perf_counter()
    status = check(
        f, *args, reference=case.reference, surrogate=case.surrogate, domain=case.domain, level=level, seed=seed
    ).status
    rejecting |= {OURS} if status == "fail" else set()
    return Result(name, frozenset(rejecting), status, time.perf_counter() - start)


def results(options, cases, **settings) -> list[Result]:
    """Every case, over processes; each of these is fresh, since JAX must not be forked."""
    work = partial(judge, level=options.level, **settings)
    with get_context("spawn").Pool(options.jobs, maxtasksperchild=40) as pool:  # compiled programs pile up in a process
        return list(tqdm(pool.imap(work, [case.name for case in cases]), total=len(cases), unit="case"))


def report(options, title, cases) -> list[Result]:
    """The table of one part of the set."""
    wrong, right = ({c.name for c in cases if bool(c.fault) is faulty} for faulty in (True, False))
    found = results(options, cases)
    rejected = {checker: {r.name for r in found if checker in r.rejecting} for checker in (*CHECKERS, OURS)}
    rows = [
        [name, f"{len(r & wrong)} of {len(wrong)}", f"{len(r & right)} of {len(right)}"] for name, r in rejected.items()
    ]
    table([f"{title}, level {options.level}", "wrong rules caught", "right rules flagged"], rows)
    print("missed:", ", ".join(sorted(wrong - rejected[OURS])) or "none")
    print("flagged:", ", ".join(sorted(right & rejected[OURS])) or "none")
    print("inconclusive:", ", ".join(r.name for r in found if r.status == "inconclusive") or "none", "\n")
    return found


def over_seeds(options) -> None:
    """The right rules, under many seeds, in the example's dtype and in bfloat16: which are flagged."""
    right = [case for case in ALL if not case.fault][:: options.every]
    rows = []
    for half in (False, True):
        flagged, unsettled = {}, {}
        with tempfile.TemporaryDirectory() as cache:
            os.environ |= _COMPILED_ONCE | {"JAX_COMPILATION_CACHE_DIR": cache}
            for seed in range(options.seeds):
                for r in results(options, right, seed=seed, half=half, peers=False):
                    for status, names in (("fail", flagged), ("inconclusive", unsettled)):
                        if r.status == status:
                            names[r.name] = [*names.get(r.name, []), seed]
        count = f"{sum(map(len, flagged.values()))} of {len(right) * options.seeds}"
        rows.append(["bfloat16" if half else "its own", count, sum(map(len, unsettled.values()))])
        print("flagged, by seed:", flagged or "none", "\ninconclusive, by seed:", unsettled or "none")
    table([f"right rules, {options.seeds} seeds, dtype", "flagged", "inconclusive"], rows)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--level", default="full", choices=["fast", "full", "deep"])
    parser.add_argument("--every", type=int, default=1, help="only every n-th case")
    parser.add_argument("--seeds", type=int, default=0, help="check the right rules under so many seeds instead")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    if options.seeds:
        over_seeds(options)
        return
    found = report(options, "built with", SEEN[:: options.every])
    found += report(options, "held out", HELD_OUT[:: options.every])
    slowest = sorted(found, key=lambda r: -r.seconds)[:8]
    print(f"check took {statistics.median(r.seconds for r in found):.1f} s a rule (median); longest: "
          + ", ".join(f"{r.name} {r.seconds:.1f} s" for r in slowest))  # fmt: skip


if __name__ == "__main__":
    main()
