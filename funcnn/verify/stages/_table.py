"""The stages of a check as data, in the order in which they run."""

from collections.abc import Callable
from typing import NamedTuple

from ..judging._trial import Trial
from .s0_contract import contract
from .s1_linearity import linearity
from .s2_jacobian import jacobian
from .s3_inputs import inputs
from .s4_differences import differences
from .s6_dtypes import dtypes
from .s7_transforms import transforms
from .s8_second_order import second_order
from .s9_shapes import shapes
from .s10_scale import scale
from .s11_cost import determinism

LEVELS = {"fast": 0, "full": 1, "deep": 2}


class Stage(NamedTuple):
    """One stage.

    Attributes:
      codes: those of its findings, from "S0" to "S11". A finding that it did not end has the first.
      title: as a report names it.
      run: takes the check under way and adds what it finds; says whether there was anything to run.
      level: the lowest that runs it.
      for_surrogates: whether it holds for a backward pass that is meant to differ from the derivative, too.
    """

    codes: tuple[str, ...]
    title: str
    run: Callable[[Trial], bool]
    level: int = LEVELS["fast"]
    for_surrogates: bool = False


STAGES = (
    Stage(("S0",), "S0 contract", contract, for_surrogates=True),
    Stage(("S1",), "S1 linearity", linearity),
    Stage(("S2",), "S2 Jacobian", jacobian),
    Stage(("S3", "S5"), "S3 inputs, S5 kinks", inputs),
    Stage(("S4",), "S4 differences", differences),
    Stage(("S6",), "S6 dtypes", dtypes),
    Stage(("S7",), "S7 transforms", transforms, for_surrogates=True),
    Stage(("S8",), "S8 second order", second_order),
    Stage(("S9",), "S9 shapes", shapes, level=LEVELS["full"]),
    Stage(("S10",), "S10 scale", scale, level=LEVELS["full"]),
    Stage(("S11",), "S11 determinism", determinism, for_surrogates=True),
)
