"""The training loop: a state that is one pytree, a compiled step, and whole epochs in one compiled loop."""

from ._calibrate import calibrate as calibrate
from ._distributed import distributed as distributed
from ._evaluate import evaluate as evaluate
from ._faults import NonFiniteError as NonFiniteError
from ._find_learning_rate import find_learning_rate as find_learning_rate
from ._fit import fit as fit
from ._map import on_device as on_device
from ._overfit_one_batch import overfit_one_batch as overfit_one_batch
from ._placement import divide as divide
from ._placement import fsdp as fsdp
from ._placement import place as place
from ._placement import replicated as replicated
from ._placement import tensor_parallel as tensor_parallel
from ._predict import predict as predict
from ._state import TrainState as TrainState
from ._step import make_step as make_step
from ._watching._best_state import best_state as best_state
from ._watching._early_stopping import early_stopping as early_stopping
from ._watching._log_jsonl import log_jsonl as log_jsonl
from ._watching._log_tensorboard import log_tensorboard as log_tensorboard
from ._watching._time_limit import time_limit as time_limit
from .checkpoints import Checkpointer as Checkpointer
from .checkpoints import load as load
from .checkpoints import save as save
from .per_example._norms import example_gradient_norms as example_gradient_norms
