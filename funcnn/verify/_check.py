"""One rule, every way that it can be wrong."""

import time
from collections.abc import Callable
from typing import Any

from . import _stages, _transforms
from ._context import EPS, LEVELS, Context, OutOfTimeError
from ._problem import make_problem
from ._report import Report

# Stage, lowest level that runs it, whether it is meant for surrogates too.
STAGES = {
    "S0 contract": (_stages.contract, 0, True),
    "S1 linearity": (_stages.linearity, 0, False),
    "S2 Jacobian": (_stages.jacobian, 0, False),
    "S3 inputs, S5 kinks": (_stages.inputs, 0, False),
    "S6 dtypes": (_stages.dtypes, 0, False),
    "S7 transforms": (_transforms.transforms, 0, True),
    "S8 second order": (_transforms.second_order, 1, False),
    "S9 shapes": (_stages.shapes, 1, False),
    "S11 determinism": (_stages.determinism, 0, True),
}
BUDGETS = {"fast": 60.0, "full": 300.0, "deep": 1800.0}


def check(
    f: Callable[..., Any],
    *args: Any,
    reference: Callable[..., Any] | None = None,
    surrogate: bool = False,
    level: str = "full",
    seed: int = 0,
    budget: float | None = None,
) -> Report:
    """Check a hand-written derivative rule from one example call.

    The rule's cotangents are compared, element by element and in float64, with autodiff of the function without its
    rules, at the example and at a battery of inputs made from it. Where they differ, finite differences decide.

    Args:
      f: a `jax.custom_vjp` function, or any function that calls some.
      *args: one natural call's arguments: arrays, pytrees of them, ints, keys.
      reference: a plain function whose autodiff is the truth; by default f without its rules.
      surrogate: whether the backward pass is meant to differ from the derivative; then only contract, transformations and
        determinism are checked.
      level: "fast", "full" or "deep".
      seed: of everything that is drawn.
      budget: seconds after which the remaining stages are skipped; by default 60, 300 or 1,800 by level.

    Returns:
      A `Report`: ``print`` it, ask its ``status`` or ``ok``, or let it ``raise_for_failure()``.

    Raises:
      TypeError: f is no function, or nothing in its arguments or results is floating-point.
      ValueError: level is unknown; or f calls no custom rule and there is no reference.

    Example:
      >>> check(tanh, jnp.array([0.5, -1.0], jnp.float32), level="fast").status
      'pass'
    """
    if level not in LEVELS:
        raise ValueError(f"level must be one of {', '.join(LEVELS)}, got {level!r}")
    start = time.monotonic()
    problem = make_problem(f, args, reference)
    if not problem.rules and reference is None:
        raise ValueError(f"{problem.name} calls no custom_vjp or custom_jvp function, so there is nothing to check: "
                         "pass the function that does, or a reference to compare with")  # fmt: skip
    context = Context(problem, LEVELS[level], seed, BUDGETS[level] if budget is None else budget)
    _expect_precision(context)
    passed = []
    for name, (stage, lowest, for_surrogates) in STAGES.items():
        if surrogate and not for_surrogates:
            context.skipped.append((name, "meant to differ from the derivative"))
        elif context.level < lowest:
            context.skipped.append((name, f"not at level {level}"))
        else:
            before = len(context.findings)
            if _ran(context, name, stage) and not any(f.status != "note" for f in context.findings[before:]):
                passed.append(name)
    replay = f"funcnn.verify.check({problem.name}, *args, level={level!r}, seed={seed})"
    return Report(problem.name, tuple(context.findings), tuple(passed), tuple(context.skipped),
                  time.monotonic() - start, replay)  # fmt: skip


def _ran(context, name, stage):
    """Run a stage and say whether it did; what keeps it from ending is listed, never passed over."""
    try:
        return stage(context) is not False
    except OutOfTimeError:
        context.skipped.append((name, "the time budget was spent"))
        context.add(name.split()[0], "inconclusive", "the time budget was spent before it ended")
        return False
    except Exception as error:
        line = str(error).splitlines()[0][:200] if str(error) else ""
        context.add(name.split()[0], "inconclusive", f"could not be run: {type(error).__name__}: {line}")
        return False


def _expect_precision(context):
    """A rule that computes in float32 even where its arguments are float64 is held to float32."""
    rule, bare = (context.printed(side) for side in (context.problem.rule, context.problem.bare))
    for dtype, mark in (("float32", "f32["), ("float16", " f16["), ("bfloat16", "bf16[")):
        if mark in rule and (dtype == "float32" or mark not in bare):
            context.eps = max(context.eps, EPS[dtype])
