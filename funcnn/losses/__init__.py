"""Losses of a batch: a rule's loss of each example, weighted, then averaged or summed.

Every loss is ``loss(prediction, target, weight=None, *, options, reduction="mean")``, the form that `make_step` and `fit`
take.

- ``weight`` is one number an example, or one an element. Its shape is that of the leading axes of what the rule returns.
  What has weight 0 (or False, in a mask) is as if it were not there, whatever it holds: NaN, an infinity, a label outside
  the classes. So its gradients are 0, and that of a weight of 0 is 0 too.
- ``reduction`` is ``"mean"``, ``"sum"`` or ``"none"``. The mean is the sum of the weighted losses divided by the sum of the
  weights.
- The result is a scalar; with ``"none"`` it is the weighted losses, ``[...]``.

The shapes below are those of prediction and target. The rules have the same names, and their mathematics, options and
errors are in `funcnn.rules`.
"""

from ._classes import focal as focal
from ._classes import hinge as hinge
from ._classes import kl_divergence as kl_divergence
from ._classes import multiclass_hinge as multiclass_hinge
from ._classes import sigmoid_cross_entropy as sigmoid_cross_entropy
from ._classes import softmax_cross_entropy as softmax_cross_entropy
from ._classes import softmax_cross_entropy_with_z as softmax_cross_entropy_with_z
from ._ctc import ctc as ctc
from ._distillation import distillation as distillation
from ._dpo import dpo as dpo
from ._grpo import grpo as grpo
from ._kto import kto as kto
from ._linear_cross_entropy import linear_cross_entropy as linear_cross_entropy
from ._numbers import absolute_error as absolute_error
from ._numbers import gaussian_nll as gaussian_nll
from ._numbers import huber as huber
from ._numbers import log_cosh as log_cosh
from ._numbers import poisson_nll as poisson_nll
from ._numbers import squared_error as squared_error
from ._orpo import orpo as orpo
from ._pairs import cosine_distance as cosine_distance
from ._pairs import info_nce as info_nce
from ._pairs import triplet as triplet
