"""What is said of each token by a linear layer's logits."""

from typing import NamedTuple

from jax import Array


class TokenLogProb(NamedTuple):
    """What `linear_log_prob` gives, ``[...]`` each.

    Attributes:
      log_prob: of the label.
      lse: log Σ e^logit over the classes.
      entropy: of the softmax, in nats.
      weighted_logit: Σ u logit over the classes; None without u.
      argmax: the class of the largest logit, int32.
      correct: whether it is the label.
    """

    log_prob: Array
    lse: Array
    entropy: Array
    weighted_logit: Array | None
    argmax: Array
    correct: Array
