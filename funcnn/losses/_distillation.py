"""Distillation: a student that is to predict as its teacher does, and as the labels say.

With D the divergence of the student's softmax at temperature τ from the teacher's (`rules.linear_js_divergence`), and H the
cross-entropy with the label at temperature 1,

    l = α τ² D + (1 - α) H.

τ² makes up for the gradient of D, which shrinks as 1 / τ².

Source
    Hinton, Vinyals & Dean, "Distilling the knowledge in a neural network", 2015, section 2 (τ, α and β = 0); Agarwal et
    al., "On-policy distillation of language models", 2024, section 2 (β).
"""

import jax
import jax.numpy as jnp
from jax import Array

from .. import rules
from .._arrays import of_arrays
from .._reduction import as_weights, reduced
from ..rules._common._checks import require_number
from ..rules.losses._labels import require_classes, require_ignore
from ._linear_cross_entropy import head_of, linear_cross_entropy


@of_arrays
def distillation(
    prediction: tuple[Array, ...],
    teacher: tuple[Array, ...],
    labels: Array | None = None,
    weight: Array | None = None,
    *,
    alpha: float = 0.5,
    beta: float = 0.0,
    temperature: float = 1.0,
    ignore: int | None = None,
    softcap: float | None = None,
    reduction: str = "mean",
) -> Array:
    """Distillation of a teacher's last linear layer into a student's, the logits of neither all in memory.

    Prediction and teacher are ``(x, w)`` or ``(x, w, b)`` each: hidden states ``[..., n]``, weights ``[n, classes]`` and a
    bias ``[classes]``; n may differ. The teacher is not differentiated. Labels are class numbers ``[...]``, not needed
    where ``alpha`` is 1.

    - ``alpha``, from 0 to 1, is the teacher's share in the loss, and the labels have the rest.
    - ``beta`` is 0 for the relative entropy of the teacher to the student, 1 for that of the student to the teacher, and
      between them for a Jensen-Shannon divergence.
    - ``temperature`` divides the logits of both before they are compared.
    - ``ignore`` and ``softcap`` are as in `linear_cross_entropy`. A row that is ignored has no loss of either kind.

    Raises:
      TypeError: prediction or teacher is not such a tuple.
      ValueError: labels are missing where ``alpha`` is below 1, or one is outside the classes, as for
        `softmax_cross_entropy`.

    Example:
      >>> x, w, labels = jnp.ones((4, 3)), jnp.ones((3, 2)), jnp.array([0, 1, 1, 0])
      >>> float(distillation((x, w), (x, w), labels, alpha=0.75).round(4))
      0.1733
    """
    x, w, b = head_of("distillation", prediction)
    teacher_x, teacher_w, teacher_b = jax.lax.stop_gradient(head_of("distillation", teacher, "teacher"))
    require_number("distillation", "alpha", alpha, "from 0 to 1", lambda v: 0 <= v <= 1)
    if labels is None and (alpha < 1 or ignore is not None):
        raise ValueError("distillation: labels must be given where alpha is below 1, or ignore is not None, got None")
    if labels is not None:
        require_classes("distillation", labels, x)
    if ignore is not None:
        require_ignore("distillation", labels, ignore)

    def soft(x, teacher_x):
        options = {"beta": beta, "temperature": temperature, "softcap": softcap}
        return rules.linear_js_divergence(x, w, teacher_x, teacher_w, b, teacher_b, **options) * temperature**2

    counted = as_weights(weight, jnp.zeros(x.shape[:-1], int) if labels is None else labels, x.dtype, ignore)
    loss = alpha * reduced(soft, (x, teacher_x), counted, reduction)
    if alpha == 1 or labels is None:
        return loss
    hard = linear_cross_entropy(prediction, labels, weight, ignore=ignore, softcap=softcap, reduction=reduction)
    return loss + (1 - alpha) * hard
