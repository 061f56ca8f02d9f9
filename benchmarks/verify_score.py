"""How many wrong rules a checker catches, and how many right ones it flags: funcnn.verify beside the usual ways.

Every case of the scoring set in tests/verify/scoring has one natural example input. The held-out third was written without
regard to the checker and is reported by itself. Run: python -m benchmarks.verify_score [fast|full] [every n-th case]
"""

import sys
import time
import warnings

import chex
import jax
import jax.numpy as jnp
import numpy as np
from jax.test_util import check_grads
from tqdm.auto import tqdm

from benchmarks._measure import table
from funcnn.verify import check, without_rules
from tests.verify.scoring import CASES, HOLDOUT

LEVEL = sys.argv[1] if len(sys.argv) > 1 else "fast"
EVERY = int(sys.argv[2]) if len(sys.argv) > 2 else 1


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


def by_chex(f, args, reference):
    naive(f, args, reference, lambda a, b: chex.assert_trees_all_close(a, b, rtol=1e-5, atol=1e-6))


def by_allclose(f, args, reference):
    naive(
        f,
        args,
        reference,
        lambda a, b: [np.testing.assert_allclose(x, y, 1e-3, 1e-5) for x, y in zip(a, b, strict=True)],
    )


def naive(f, args, reference, close):
    """The gradient of the sum by the rule, and by autodiff of the truth."""
    floats, join = split(args)

    def gradient(g):
        total = lambda floats: sum(jnp.sum(y) for y in split(g(*join(floats)))[0])
        return jax.grad(total)(floats)

    close(gradient(f), gradient(reference or without_rules(f)))


CHECKERS = {
    "jax.test_util.check_grads": by_check_grads,
    "chex, gradient of the sum": by_chex,
    "allclose(1e-3, 1e-5), gradient of the sum": by_allclose,
}


def rejects(checker, case):
    try:
        checker(*case.make(), case.reference)
    except Exception:
        return True
    return False


def score(cases, seconds):
    """For each checker, the names of the cases that it rejects."""
    rejected = {name: set() for name in (*CHECKERS, "funcnn.verify.check")}
    unsettled = []
    for case in tqdm(cases, desc="cases"):
        for name, checker in CHECKERS.items():
            if not case.surrogate and rejects(checker, case):
                rejected[name].add(case.name)
        f, args = case.make()
        start = time.perf_counter()
        report = check(f, *args, reference=case.reference, surrogate=case.surrogate, level=LEVEL)
        seconds.append(time.perf_counter() - start)
        if report.status == "fail":
            rejected["funcnn.verify.check"].add(case.name)
        elif report.status == "inconclusive":
            unsettled.append(case.name)
    return rejected, unsettled


def main():
    warnings.simplefilter("ignore")
    seconds = []
    for title, cases in (("frozen", CASES[::EVERY]), ("held out", HOLDOUT[::EVERY])):
        wrong, right = ({c.name for c in cases if bool(c.fault) is faulty} for faulty in (True, False))
        rejected, unsettled = score(cases, seconds)
        table(
            [f"{title}, level {LEVEL}", "wrong rules caught", "right rules flagged"],
            [
                [n, f"{len(r & wrong)} of {len(wrong)}", f"{len(r & right)} of {len(right)}"]
                for n, r in rejected.items()
            ],
        )
        ours = rejected["funcnn.verify.check"]
        print("missed:", ", ".join(sorted(wrong - ours)) or "none")
        print("flagged:", ", ".join(sorted(right & ours)) or "none")
        print("inconclusive:", ", ".join(unsettled) or "none", "\n")
    print(f"check took {np.median(seconds):.1f} s a rule (median), {max(seconds):.1f} s at most")


if __name__ == "__main__":
    main()
