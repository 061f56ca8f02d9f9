"""What is measured beside the loss: sums that add up over batches, weighted as the losses are.

A metric is either of two things, and `fit` and `evaluate` take both as ``metrics={"name": metric}``:

- A function ``(prediction, *targets) -> (sum, weight)``, whose result is their ratio: `accuracy`, `binary_accuracy`,
  `mean_squared_error`, `mean_absolute_error`, and what `top_k` and `label_error_rate` make. Any function of
  one's own is one.
- A `Metric`, whose result is computed from any other sums: what `r2`, `precision`, `recall`, `f1`, `auc`,
  `confusion_matrix` and `perplexity` make, as in ``fn.metrics.auc()``.

The result over many batches is that over all examples at once. Targets are those of the losses. The last of them may be a
weight, one number an example or one an element; what has weight 0 is as if it were not there. Sums are float32 or wider.
"""

from ..training._metrics import Metric as Metric
from ._accuracy import accuracy as accuracy
from ._accuracy import binary_accuracy as binary_accuracy
from ._accuracy import top_k as top_k
from ._auc import auc as auc
from ._confusion_matrix import confusion_matrix as confusion_matrix
from ._error import mean_absolute_error as mean_absolute_error
from ._error import mean_squared_error as mean_squared_error
from ._error import r2 as r2
from ._f1 import f1 as f1
from ._f1 import precision as precision
from ._f1 import recall as recall
from ._label_error_rate import label_error_rate as label_error_rate
from ._perplexity import perplexity as perplexity
