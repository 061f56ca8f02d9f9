"""Hand-written rules of public packages, each checked by `funcnn.verify.check`.

The packages are no dependency of funcnn: virtual environments are made for them, one for each JAX that they install with.
A rule that fails is a fault only with evidence: its slope, or its value under differentiation, beside what the function's
own values give in float64. The exit status is 1 where a verdict is not the expected one, or a fault has no proof.

Run: python -m benchmarks.public_rules [--environments FOLDER] [--word PART] [--level full] [--verbose]
"""

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks._measure import table, title

from ._environments import ENVIRONMENTS, Environment, named, python_of
from ._rule import Rule
from ._rules import RULES

ROOT = Path(__file__).parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "funcnn" / "public_rules"
COLUMNS = ("package", "version", "JAX", "rule", "verdict", "CPU seconds", "finding")

Answers = dict[str, dict[str, Any]]


def answers(python: Path, rules: list[Rule], arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """What a process of the environment says of each of the rules."""
    command = [str(python), "-m", f"{__package__}._worker", *(rule.name for rule in rules), "--level", arguments.level]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT)}
    errors = None if arguments.verbose else subprocess.DEVNULL
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=os.environ | quiet) as process:
        yield from (json.loads(line) for line in process.stdout or () if line.startswith('{"rule"'))


def having(environment: Environment, rules: list[Rule]) -> list[Rule]:
    """Those of the rules whose package the environment has, and no environment before it."""
    before = ENVIRONMENTS[: ENVIRONMENTS.index(environment)]
    taken = {package for other in before for package in map(named, other.packages)}
    return [r for r in rules if r.package in map(named, environment.packages) and r.package not in taken]


def row(rule: Rule, answer: dict[str, Any] | None) -> tuple[str, ...]:
    """The rule's row of the table."""
    if answer is None:
        return rule.package, "", "", rule.name, "**not run**", "", ""
    verdict = answer["status"] if answer["status"] == rule.expected else f"**{answer['status']}**, not {rule.expected}"
    versions = answer["version"], answer["jax"]
    return rule.package, *versions, rule.name, verdict, f"{answer['seconds']:.1f}", rule.finding


def evidence(rules: list[Rule], found: Answers) -> None:
    """Print both values of each fault."""
    print("Each fault by its values, without the checker:\n")
    for rule in rules:
        for proof in proofs(rule, found):
            print(f"- `{rule.name}` ({rule.file}): {proof['text']}" + ("" if proof["holds"] else " **no proof**"))
    print()


def proofs(rule: Rule, found: Answers) -> list[dict[str, Any]]:
    """What the rule's evidence came to."""
    return found.get(rule.name, {}).get("proofs", [])


def proven(rule: Rule, found: Answers) -> bool:
    """Whether there is evidence, and all of it holds."""
    return bool(proofs(rule, found)) and all(proof["holds"] for proof in proofs(rule, found))


def unexpected(rule: Rule, found: Answers) -> Iterator[str]:
    """What is not as the table has it."""
    answer = found.get(rule.name)
    if answer is None:
        yield f"{rule.name}: not run"
        return
    if answer["status"] != rule.expected:
        yield f"{rule.name}: {answer['status']}, expected {rule.expected}\n{answer['text']}"
    if (rule.evidence or rule.expected == "fail") and not proven(rule, found):
        yield f"{rule.name}: its fault is not proven"


def summary(rules: list[Rule], found: Answers) -> None:
    """Print the counts."""
    counts = Counter(answer["status"] for answer in found.values())
    faults = [rule for rule in rules if proven(rule, found)]
    missed = [rule for rule in faults if found[rule.name]["status"] != "fail"]
    packages = {rule.package for rule in rules if rule.name in found}
    verdicts = ", ".join(f"{count} {status}" for status, count in counts.most_common())
    print(f"{len(found)} rules of {len(packages)} packages: {verdicts}; "
          f"{len(faults)} faults proven, {len(missed)} of them missed.\n")  # fmt: skip


def main() -> int:
    """Print the table, the evidence and the counts; the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--environments", type=Path, default=CACHE, help="folder of the virtual environments")
    parser.add_argument("--word", default="", help="only rules whose package or name has it")
    parser.add_argument("--level", default="fast", choices=("fast", "full", "deep"))
    parser.add_argument("--verbose", action="store_true", help="let the processes' own messages through")
    arguments = parser.parse_args()
    title(__doc__ or "")
    rules = [rule for rule in RULES if arguments.word in f"{rule.package} {rule.name}"]
    found: Answers = {}
    for environment in ENVIRONMENTS:
        asked = having(environment, rules)
        python = python_of(environment, arguments.environments) if asked else Path()
        # Each package has a process of its own: netket, say, turns on double precision when it is imported.
        for package in dict.fromkeys(rule.package for rule in asked):
            for answer in answers(python, [rule for rule in asked if rule.package == package], arguments):
                found[answer["rule"]] = answer
                print(f"{len(found)} of {len(rules)}: {answer['rule']} {answer['status']}", file=sys.stderr, flush=True)
    table(COLUMNS, [row(rule, found.get(rule.name)) for rule in rules])
    evidence(rules, found)
    summary(rules, found)
    wrong = [line for rule in rules for line in unexpected(rule, found)]
    print(*wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
