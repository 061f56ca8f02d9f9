"""Neural networks as pure functions on JAX, with every backward pass written by hand and proven against `jax.grad`."""

from . import initializers as initializers
from . import losses as losses
from . import rules as rules
from . import verify as verify
from ._core import Layer as Layer
from ._core import as_layer as as_layer
from .combinators import parallel as parallel
from .combinators import repeat as repeat
from .combinators import residual as residual
from .combinators import serial as serial
from .layers import conv as conv
from .layers import flatten as flatten
from .layers import linear as linear
from .rules import gelu as gelu
from .rules import leaky_relu as leaky_relu
from .rules import log_softmax as log_softmax
from .rules import relu as relu
from .rules import sigmoid as sigmoid
from .rules import silu as silu
from .rules import softmax as softmax
from .rules import softplus as softplus
from .rules import tanh as tanh
from .training import NonFiniteError as NonFiniteError
from .training import TrainState as TrainState
from .training import fit as fit
from .training import make_step as make_step
