"""How exact rules of several numbers are, at random and adversarial points: the largest error of each result, in ulp.

Rules of one number are measured over all numbers (`benchmarks.every_number`); of several numbers there are too many. The
points are in `tests/helpers/cases_at_points.py`, and the terms in whose ulp errors count in `terms_at_points.py` there. A
row of the results file says how many points were taken for each dtype, at which commit, and of which code.

Run: python -m benchmarks.many_points [RULE …] [--points 65536] [--show]
"""

import argparse
import json
from pathlib import Path
from typing import Any

import jax

jax.config.update("jax_enable_x64", True)

from tqdm import tqdm  # noqa: E402

from benchmarks._measure import table  # noqa: E402
from benchmarks.every_number import code_of, commit  # noqa: E402
from tests.helpers.accuracy_at_points import CASES, measured  # noqa: E402

RESULTS = Path(__file__).with_name("many_points.json")
CHUNK = 8192  # points at a time


def measure(name: str, points: int) -> dict[str, Any]:
    """The row of a rule: for each dtype the largest error of each result, in ulp."""
    worst: dict[str, dict[str, float]] = {}
    for seed in tqdm(range(1, points // CHUNK + 1), desc=name, leave=False):
        for dtype, found in measured(name, CHUNK, seed).items():
            largest = worst.setdefault(dtype, {})
            for what, error in found.items():
                largest[what] = max(largest.get(what, 0.0), round(error.ulp, 3))
    return {"commit": commit(), "code": code_of(name), "points": points // CHUNK * CHUNK, **worst}


def shown(results: dict[str, Any]) -> None:
    """The table of all rows."""
    rows = []
    for name, row in results.items():
        for dtype in ("float32", "bfloat16", "float16"):
            cotangents = {what: error for what, error in row[dtype].items() if what != "value"}
            worst = ", ".join(f"{what} {error:.3g}" for what, error in cotangents.items())
            rows.append([name, dtype, str(row["points"]), f"{row[dtype]['value']:.3g}", worst, row["commit"]])
    table(["rule", "dtype", "points", "value, ulp", "cotangents, ulp", "commit"], rows)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("rules", nargs="*", default=list(CASES))
    parser.add_argument("--points", type=int, default=8 * CHUNK, help="of each dtype")
    parser.add_argument("--show", action="store_true", help="print the results as they are")
    arguments = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in () if arguments.show else arguments.rules:
        results[name] = measure(name, arguments.points)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    shown(results)


if __name__ == "__main__":
    main()
