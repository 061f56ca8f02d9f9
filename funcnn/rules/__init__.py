"""One hand-written rule a function: forward, backward and reference on one page each. Imports jax only."""

from ._activations import gelu as gelu
from ._activations import leaky_relu as leaky_relu
from ._activations import relu as relu
from ._activations import sigmoid as sigmoid
from ._activations import silu as silu
from ._activations import softplus as softplus
from ._activations import tanh as tanh
from ._convolution import conv as conv
from ._linear import linear as linear
from ._losses import sigmoid_cross_entropy as sigmoid_cross_entropy
from ._losses import softmax_cross_entropy as softmax_cross_entropy
from ._losses import squared_error as squared_error
from ._softmax import log_softmax as log_softmax
from ._softmax import softmax as softmax
from ._unbroadcast import unbroadcast as unbroadcast
