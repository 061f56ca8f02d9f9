"""How exact each unary rule is, over every number of its dtype: the largest error of value and slope, in ulp, and where.

The truth is the rule in float64; at the worst places mpmath computes it once more, with 50 digits. Beside the rule stand
jax.nn's function and PyTorch's, where they have it and PyTorch is installed. float32 has 2³² numbers, which are
taken in 1,024 turns, each a uniform sample. The peers take 64 of these. Every turn is kept in the results file, so that a
run can be stopped and gone on with. A row says at which commit it was measured. It begins anew where the code on the rule's
page has changed since.

Run: python -m benchmarks.every_number [RULE …] [--turns 1024] [--dtypes float32 bfloat16 float16] [--show]
"""

import argparse
import ast
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from tqdm import tqdm  # noqa: E402

from benchmarks._measure import table  # noqa: E402
from funcnn.rules._catalogue import catalogue  # noqa: E402
from tests.helpers.accuracy import UNARY, Errors, both, errors, numbers, rule_of, wider  # noqa: E402

try:
    import torch
except ImportError:  # an extra
    torch = None

RESULTS = Path(__file__).with_name("every_number.json")
TURNS = {"float32": 1024, "bfloat16": 1, "float16": 1}
PEERS_TURNS = 64  # of 1,024: a sixteenth of float32
_OF_JAX = {
    name: getattr(jax.nn, name)
    for name in ("elu", "selu", "celu", "gelu", "hard_tanh", "hard_sigmoid", "hard_silu", "leaky_relu", "mish", "relu",
                 "relu6", "sigmoid", "softplus", "log_sigmoid", "silu", "squareplus", "tanh")
} | {"softsign": jax.nn.soft_sign, "sine": jnp.sin, "safe_sqrt": jnp.sqrt}  # fmt: skip
_OF_TORCH = {
    "gelu": lambda f, x: f.gelu(x, approximate="tanh"),
    "sine": lambda f, x: x.sin(),
    "safe_sqrt": lambda f, x: x.sqrt(),
} | {
    name: lambda f, x, other=other: getattr(f, other)(x)
    for name, other in {
        "elu": "elu", "selu": "selu", "celu": "celu", "hard_tanh": "hardtanh", "hard_sigmoid": "hardsigmoid",
        "hard_silu": "hardswish", "hard_shrink": "hardshrink", "soft_shrink": "softshrink", "leaky_relu": "leaky_relu",
        "mish": "mish", "relu": "relu", "relu6": "relu6", "sigmoid": "sigmoid", "log_sigmoid": "logsigmoid",
        "softplus": "softplus", "silu": "silu", "softsign": "softsign", "tanh": "tanh",
    }.items()
}  # fmt: skip


def by_torch(name: str) -> Callable[[jax.Array], tuple[jax.Array, jax.Array]]:
    """Value and slope of PyTorch's function."""

    def run(x):
        bits = np.asarray(x).view(np.int32 if x.dtype == jnp.float32 else np.int16)
        given = torch.from_numpy(bits.copy()).view(getattr(torch, x.dtype.name)).requires_grad_()
        y = _OF_TORCH[name](torch.nn.functional, given)
        y.backward(torch.ones_like(y))
        return tuple(jnp.asarray(a.detach().double().numpy()) for a in (y, given.grad))

    return run


def commit() -> str:
    """The commit that is measured."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, cwd=RESULTS.parent, check=True).stdout.strip()


def code_of(name: str) -> str:
    """A digest of the code on the rule's page, without comments and docstrings."""
    tree = ast.parse(Path(sys.modules[catalogue[name].rule.__module__].__file__ or "").read_text())
    for node in [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))]:
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()[:12]


def contestants(name: str) -> dict[str, Callable[..., Any]]:
    """What gives values and slopes: the rule, and the functions of jax.nn and PyTorch where there are any."""
    peers = {"jax": both(_OF_JAX[name])} if name in _OF_JAX else {}
    return {"funcnn": rule_of(UNARY[name])} | peers | ({"torch": by_torch(name)} if torch and name in _OF_TORCH else {})


def measure(name: str, dtype: str, turns: int, results: dict[str, Any]) -> None:
    """Take the turns that are left, of a rule and then of its peers, and keep each."""
    code, row = code_of(name), results.setdefault(name, {}).get(dtype, {})
    if row.get("code") != code:
        row = {"code": code, "of": TURNS[dtype], "turns": {}}
    kind = getattr(jnp, dtype)
    for who, run in contestants(name).items():
        found = errors(UNARY[name], run, kind)
        last = min(turns if who == "funcnn" else PEERS_TURNS, row["of"])
        for turn in tqdm(range(row["turns"].get(who, 0), last), desc=f"{name} {dtype} {who}", leave=False):
            before = [Errors(*e) for e in row.get(who, [])]
            new = found(numbers(kind, turn, row["of"]))
            row[who] = [a + b for a, b in zip(before, new, strict=True)] if before else list(new)
            row["turns"][who], row["commit"] = turn + 1, commit()
            results[name][dtype] = row
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")


def cells(e: Errors) -> tuple[str, str, str]:
    """The largest error, where it is, and the share within one ulp."""
    return f"{e.largest:.3g}", f"{e.at:.6g}", f"{e.within / e.count:.2%}"


def shown(results: dict[str, Any]) -> None:
    """The table of all rows."""
    columns = ["rule", "dtype", "numbers", "value, ulp", "at", "within 1 ulp", "slope, ulp", "at", "within 1 ulp",
               "by mpmath", "jax.nn", "PyTorch", "commit"]  # fmt: skip
    rows = []
    for name, of in results.items():
        for dtype, row in of.items():
            value, slope = (Errors(*e) for e in row["funcnn"])
            wide = [wider(UNARY[name], e.at, i, getattr(jnp, dtype)) for i, e in enumerate((value, slope))]
            rows.append([
                name, dtype, f"{row['turns']['funcnn']}/{row['of']}",
                *cells(value), *cells(slope),
                ", ".join("-" if w is None else f"{w:.3g}" for w in wide),
                *(", ".join(f"{e[0]:.3g}" for e in row.get(peer, [])) or "-" for peer in ("jax", "torch")), row["commit"],
            ])  # fmt: skip
    table(columns, rows)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("rules", nargs="*", default=list(UNARY))
    parser.add_argument("--turns", type=int, default=1024, help="of 1,024, up to which float32 is taken")
    parser.add_argument("--dtypes", nargs="*", default=["bfloat16", "float16", "float32"], choices=list(TURNS))
    parser.add_argument("--show", action="store_true", help="print the results as they are")
    arguments = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in () if arguments.show else arguments.rules:
        for dtype in arguments.dtypes:
            measure(name, dtype, arguments.turns, results)
    shown(results)


if __name__ == "__main__":
    main()
