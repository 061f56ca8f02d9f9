"""Layer constructors: an init, and an apply that calls one rule. The mathematics is in `funcnn.rules`."""

from ._convolution import conv as conv
from ._convolution import conv_transpose as conv_transpose
from ._convolution import depthwise_conv as depthwise_conv
from ._convolution import flatten as flatten
from ._linear import linear as linear
