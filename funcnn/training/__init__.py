"""The training loop: a state that is one pytree, a compiled step, and whole epochs in one compiled loop."""

from ._calibrate import calibrate as calibrate
from ._faults import NonFiniteError as NonFiniteError
from ._fit import fit as fit
from ._state import TrainState as TrainState
from ._step import make_step as make_step
