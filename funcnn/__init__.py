"""Neural networks as pure functions on JAX, with every backward pass written by hand and proven against `jax.grad`."""

from functools import partial as _partial
from typing import TYPE_CHECKING

from jax import custom_vjp as _custom_vjp

from . import initializers as initializers
from . import losses as losses
from . import metrics as metrics
from . import plot as plot
from . import rules as rules
from ._core import Layer as Layer
from ._core import Stream as Stream
from ._core import as_layer as as_layer
from ._did_you_mean import no_attribute as _no_attribute
from ._forward import forward as forward
from ._paths import paths as paths
from ._shown import explain as _explain
from ._streaming import cannot_stream as cannot_stream
from ._streaming import stream_of as stream_of
from ._summary import summary as summary
from .combinators import branches as branches
from .combinators import mixed as mixed
from .combinators import parallel as parallel
from .combinators import remat as remat
from .combinators import repeat as repeat
from .combinators import residual as residual
from .combinators import serial as serial
from .combinators import shared as shared
from .generation import ctc_beam as ctc_beam
from .generation import ctc_greedy as ctc_greedy
from .generation import generate as generate
from .layers import attention as attention
from .layers import batch_norm as batch_norm
from .layers import bidirectional as bidirectional
from .layers import bilinear as bilinear
from .layers import conv as conv
from .layers import conv_transpose as conv_transpose
from .layers import depthwise_conv as depthwise_conv
from .layers import drop_path as drop_path
from .layers import dropout as dropout
from .layers import einsum as einsum
from .layers import embedding as embedding
from .layers import flatten as flatten
from .layers import gated_mlp as gated_mlp
from .layers import gaussian_noise as gaussian_noise
from .layers import group_norm as group_norm
from .layers import gru as gru
from .layers import instance_norm as instance_norm
from .layers import layer_norm as layer_norm
from .layers import learned_positions as learned_positions
from .layers import linear as linear
from .layers import lstm as lstm
from .layers import mlp as mlp
from .layers import prelu as prelu
from .layers import rms_norm as rms_norm
from .layers import rnn as rnn
from .layers import scale_shift as scale_shift
from .layers import sinusoidal_positions as sinusoidal_positions
from .layers import snake as snake
from .layers import spatial_dropout as spatial_dropout
from .layers import spectral_norm as spectral_norm
from .layers import weight_norm as weight_norm
from .models import decoder as decoder
from .models import encoder as encoder
from .models import encoder_decoder as encoder_decoder
from .models import gpt as gpt
from .models import transformer as transformer
from .models import transformer_block as transformer_block
from .rules import adaptive_avg_pool as adaptive_avg_pool
from .rules import adaptive_max_pool as adaptive_max_pool
from .rules import avg_pool as avg_pool
from .rules import celu as celu
from .rules import clip_gradient as clip_gradient
from .rules import elu as elu
from .rules import geglu as geglu
from .rules import gelu as gelu
from .rules import global_avg_pool as global_avg_pool
from .rules import global_max_pool as global_max_pool
from .rules import glu as glu
from .rules import gradient_reversal as gradient_reversal
from .rules import hard_shrink as hard_shrink
from .rules import hard_sigmoid as hard_sigmoid
from .rules import hard_silu as hard_silu
from .rules import hard_tanh as hard_tanh
from .rules import l2_normalize as l2_normalize
from .rules import leaky_relu as leaky_relu
from .rules import log_sigmoid as log_sigmoid
from .rules import log_softmax as log_softmax
from .rules import logsumexp as logsumexp
from .rules import max_pool as max_pool
from .rules import max_unpool as max_unpool
from .rules import mish as mish
from .rules import pixel_shuffle as pixel_shuffle
from .rules import pixel_unshuffle as pixel_unshuffle
from .rules import reglu as reglu
from .rules import relu as relu
from .rules import relu6 as relu6
from .rules import relu_squared as relu_squared
from .rules import safe_divide as safe_divide
from .rules import safe_norm as safe_norm
from .rules import safe_sqrt as safe_sqrt
from .rules import scale_gradient as scale_gradient
from .rules import selu as selu
from .rules import sigmoid as sigmoid
from .rules import silu as silu
from .rules import sine as sine
from .rules import soft_shrink as soft_shrink
from .rules import softcap as softcap
from .rules import softmax as softmax
from .rules import softplus as softplus
from .rules import softsign as softsign
from .rules import sparsemax as sparsemax
from .rules import squareplus as squareplus
from .rules import straight_through as straight_through
from .rules import swiglu as swiglu
from .rules import tanh as tanh
from .rules import threshold as threshold
from .rules import upsample as upsample
from .training import Checkpointer as Checkpointer
from .training import NonFiniteError as NonFiniteError
from .training import TrainState as TrainState
from .training import averaged as averaged
from .training import best_state as best_state
from .training import calibrate as calibrate
from .training import distributed as distributed
from .training import divide as divide
from .training import early_stopping as early_stopping
from .training import ema as ema
from .training import epsilon as epsilon
from .training import evaluate as evaluate
from .training import example_gradient_norms as example_gradient_norms
from .training import find_learning_rate as find_learning_rate
from .training import fit as fit
from .training import frozen as frozen
from .training import fsdp as fsdp
from .training import load as load
from .training import log_jsonl as log_jsonl
from .training import log_tensorboard as log_tensorboard
from .training import make_step as make_step
from .training import on_device as on_device
from .training import overfit_one_batch as overfit_one_batch
from .training import place as place
from .training import poisson_batches as poisson_batches
from .training import predict as predict
from .training import private as private
from .training import replicated as replicated
from .training import save as save
from .training import spike_guard as spike_guard
from .training import steps_within as steps_within
from .training import tensor_parallel as tensor_parallel
from .training import time_limit as time_limit

for _module in (losses, rules, initializers, metrics, plot):
    vars(_module)["__getattr__"] = _partial(_no_attribute, _module.__name__)
_explain(rule for rule in vars(rules).values() if isinstance(rule, _custom_vjp))

_LATER = {"interop", "sklearn", "verify"}  # imported when they are first used: training needs none of them

if TYPE_CHECKING:
    from . import interop as interop
    from . import sklearn as sklearn
    from . import verify as verify


def __getattr__(name: str):
    """The modules that are imported when they are first used."""
    if name in _LATER:
        from importlib import import_module

        return import_module(f".{name}", __name__)
    _no_attribute(__name__, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
