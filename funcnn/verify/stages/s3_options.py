"""Other values of a call's options, which a rule may have written into its backward pass or may not know."""

from collections.abc import Iterator
from typing import Any

import jax

from .._settings import apart, settings
from ..judging._battery import EXAMPLE, NOISE, NORMAL, battery
from ..judging._options import Option, Options, described
from ..judging._problem import Problem
from ..judging._sides import Sides
from ..judging._trial import Trial, judge_at
from .s0_contract import same_values

_TRIED = 8, 16, 32  # options, by level
_JUDGED = 2, 8, 16  # calls with other values of one option

Changes = dict[int, Any]


def options(trial: Trial) -> None:
    """Judge the rule near the example with other options, where function and rule take them."""
    for name, problem in _calls(trial):
        sides = Sides(problem, trial.rng, trial.ledger.in_time)
        sides.trusted = sides.trusted and trial.sides.trusted
        if trial.sides.dtype != sides.dtype:
            sides.fall_back_to_float32()
        varied = trial._replace(problem=problem, sides=sides)
        with trial.ledger.one_input_less("S3", name):
            _judge(varied, name)


def _judge(trial: Trial, name: str) -> None:
    problem, sides = trial.problem, trial.sides
    sides.take_as_typical(sides.points(EXAMPLE.name, problem.floats, problem.ints)[0])
    kinds = dict(battery(problem.floats, (), trial.rng))
    for kind in (EXAMPLE, NOISE, NORMAL) if sides.far else (EXAMPLE,):
        for point in sides.points(f"{name}, {kind.name}", kinds[kind], problem.ints):
            judge_at(trial, "S3", point)
            same_values(trial, point)


def _calls(trial: Trial) -> Iterator[tuple[str, Problem]]:
    """Calls with other options, and what is other about them: all numbers and words at once, or one by one.

    An argument is left out, or added, alone.
    """
    problem = trial.problem
    outputs = [jax.ShapeDtypeStruct(shape, float) for shape in trial.sides.output_shapes(problem.floats, problem.ints)]
    found = Options(problem.f, problem.args, outputs, trial.rng)
    taken: list[tuple[Option, Any, Problem]] = []
    for option in found.every[: _TRIED[trial.level]]:
        made = ((value, _taken(trial, found, {option.place: value})) for value in option.others)
        value, call = next(((value, call) for value, call in made if call), (None, None))
        if call:
            taken.append((option, value, call))
        elif not option.absent:
            trial.ledger.skip(f"S3 another {option.name}", "the function or the rule takes none that was tried")
    named = [(described(option, value), call) for option, value, call in taken]
    values = [(option, value) for option, value, _ in taken if not option.absent]
    if len(values) > 1:
        together = _taken(trial, found, {option.place: value for option, value in values})
        if together:
            yield ", ".join(described(*each) for each in values), together
            if not trial.level:
                named = [each for each, (option, *_) in zip(named, taken, strict=True) if option.absent]
    yield from named[: _JUDGED[trial.level]]


def _taken(trial: Trial, options: Options, values: Changes) -> Problem | None:
    """The call with other options, if function and rule take them and both have a value at the example."""
    trial.ledger.in_time()
    try:
        made = trial.problem.again(options.changed(values))
        with settings(tuple(str(a.dtype) for a in made.floats)):
            y = jax.eval_shape(apart(made.rule.call), list(made.floats), list(made.ints))
            jax.eval_shape(apart(made.rule.bars), list(made.floats), list(made.ints), y)
    except Exception:
        return None
    return made if made.rules or made.referenced else None
