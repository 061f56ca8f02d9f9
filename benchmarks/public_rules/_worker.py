"""Check some rules, in the environment that has their packages: a line of JSON a rule, for `__main__`."""

import argparse
import importlib.metadata
import json
import time
import traceback
import warnings
from typing import Any

import jax

from funcnn.verify import check

from ._evidence import prove
from ._rule import Rule
from ._rules import RULES

BUDGET = 900.0  # seconds, so that no verdict depends on the machine's load


def verdict(rule: Rule, level: str) -> dict[str, Any]:
    """What the checker says of a rule, and what its evidence comes to."""
    answer: dict[str, Any] = {"rule": rule.name, "version": importlib.metadata.version(rule.package)}
    answer |= {"jax": jax.__version__, "seconds": 0.0, "proofs": []}
    start = time.process_time()
    try:
        call = rule.call()
        report = check(call.f, *call.args, level=level, budget=BUDGET, **call.options)
        answer |= {"status": report.status, "text": str(report)}
        answer["seconds"] = time.process_time() - start
        proofs = [prove(call, evidence) for evidence in rule.evidence]
        answer["proofs"] = [{"text": str(proof), "holds": proof.holds} for proof in proofs]
    except Exception as error:
        answer |= {"status": type(error).__name__, "text": traceback.format_exc()}
    jax.clear_caches()
    return answer


def main() -> None:
    """Print a line a rule."""
    parser = argparse.ArgumentParser()
    parser.add_argument("rules", nargs="+")
    parser.add_argument("--level", default="fast")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    by_name = {rule.name: rule for rule in RULES}
    for name in arguments.rules:
        print(json.dumps(verdict(by_name[name], arguments.level)), flush=True)


if __name__ == "__main__":
    main()
