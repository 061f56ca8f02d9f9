"""To and from other libraries: modules as layers, files as parameters, a model as a program that needs JAX alone."""

from ._equinox import from_equinox as from_equinox
from ._equinox import to_equinox as to_equinox
from ._export import export as export
from ._flax import from_flax as from_flax
from ._flax import to_flax as to_flax
from ._haiku import from_haiku as from_haiku
from ._haiku import to_haiku as to_haiku
from ._recurrent import recurrent_from_keras as recurrent_from_keras
from ._recurrent import recurrent_from_torch as recurrent_from_torch
from ._safetensors import load_safetensors as load_safetensors
from ._safetensors import save_safetensors as save_safetensors
from ._torch import from_torch as from_torch
