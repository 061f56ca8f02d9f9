r"""Jensen-Shannon divergence of a linear layer's predictions from those of another, its teacher, some rows at a time.

Forward, z and z' the logits of x w + b and of x' w' + b' (see `_head`)      x [..., n]   x' [..., n']   w [n, classes]
    q = softmax z,  p = softmax z',  m = β p + (1 - β) q                     w' [n', classes]   z, z' [..., classes]
    P = Σ_k p_k log(p_k / m_k),  Q = Σ_k q_k log(q_k / m_k)                  l, P, Q [...]
    l = β P + (1 - β) Q           for 0 < β < 1
    l = P, with m = q             for β = 0, the relative entropy of p to q, "forward"
    l = Q, with m = p             for β = 1, that of q to p, "reverse"

Backward, the logits of some positions made once more
    z_bar = l_bar (1 - β) q (log(q / m) - Q)           z'_bar = l_bar β p (log(p / m) - P)           for 0 < β < 1
    z_bar = l_bar (q - p)                              z'_bar = l_bar p (log(p / q) - P)             for β = 0
    z_bar = l_bar q (log(q / p) - Q)                   z'_bar = l_bar (p - q)                        for β = 1
    x_bar, w_bar and b_bar from z_bar, x'_bar, w'_bar and b'_bar from z'_bar: `_head`

Derivation
    l = β Σ p log p + (1 - β) Σ q log q - Σ m log m, so dl = β ⟨log(p / m), dp⟩ + (1 - β) ⟨log(q / m), dq⟩: what the sums
    of dp, dq and dm are multiplied by adds 0. With dq = q (dz - ⟨q, dz⟩), ⟨g, dq⟩ = ⟨q (g - ⟨q, g⟩), dz⟩.
    Where β = 0, dl = ⟨log(p / q), dp⟩ - ⟨p / q, dq⟩, and q (p / q - Σ_j q_j p_j / q_j) = p - q. β = 1 exchanges the two.

Residuals
    The arguments, which the caller holds. A row needs all of its logits at once, for m is of both sums of exponentials;
    those of some positions live at a time, whatever the classes.

Edges
    The ends differ from the limits, which are 0: as β goes to 0, l / β goes to the relative entropy of p to q. A class with
    a bias of -inf in both adds 0. One that q alone lacks costs inf for β = 0, and one that p alone lacks for β = 1; between
    them l is at most log 2. No rows give cotangents of 0. A position is an index of x's last axis but one, as for
    `linear_cross_entropy`. The softcap is taken before the temperature.

Accuracy
    linear_js_divergence: value within 1 ulp, cotangents within 1; in half precision 0.51 and 0.51;
        at random and adversarial points of sizes up to 2⁵⁰.

Source
    Lin, "Divergence measures based on the Shannon entropy", 1991, eq. 4.1; Agarwal et al., "On-policy distillation of
    language models", 2024, section 2 (β); Hsu et al., "Liger Kernel", 2024, section 3.2 (rows in chunks).

What the rule gives beyond autodiff: autodiff of the chunks would keep all logits of both.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_number
from .._common._chunks import cut, over_chunks, placed
from .._common._precision import finite, times, widen
from ._head import Head, at_once, gathered_rows, head_cotangents, logits, part_of, pulled, require_head


def linear_js_divergence(
    x: Array,
    w: Array,
    teacher_x: Array,
    teacher_w: Array,
    b: Array | None = None,
    teacher_b: Array | None = None,
    *,
    beta: float = 0.5,
    temperature: float = 1.0,
    softcap: float | None = None,
    w_transposed: bool = False,
    chunk: int | None = None,
) -> Array:
    """Take the generalised Jensen-Shannon divergence of two linear layers' softmaxes, in memory flat in the classes.

    Teacher and student are differentiated alike; `jax.lax.stop_gradient` of the teacher leaves its part out.

    Args:
      x: ``[..., n]``, floating: the student's last hidden states.
      w: ``[n, classes]``, of x's dtype; ``[classes, n]`` with ``w_transposed``.
      teacher_x: ``[..., m]``, of x's dtype and leading axes: the teacher's last hidden states.
      teacher_w: ``[m, classes]``, of x's dtype; ``[classes, m]`` with ``w_transposed``.
      b, teacher_b: ``[classes]``, of x's dtype; None for no bias.
      beta: from 0 to 1: the teacher's share in the mixture that both are compared with. 0 for the relative entropy of the
        teacher to the student, 1 for that of the student to the teacher, 0.5 for the symmetric divergence.
      temperature: above 0; what the logits of both are divided by.
      softcap: above 0, the largest size of a logit before the temperature; None for no cap.
      w_transposed: whether w and teacher_w have the classes first.
      chunk: how many rows are taken at once; None to choose by the number of classes.

    Returns:
      ``[...]``, each row's divergence in nats, of x's dtype.

    Raises:
      TypeError, ValueError: the dtypes, shapes or options are not these.

    Example:
      >>> x, w = jnp.ones((4, 3)), jnp.eye(3)
      >>> rules.linear_js_divergence(x, w, x, 0 * w).tolist()
      [0.0, 0.0, 0.0, 0.0]
    """
    rule, options = "linear_js_divergence", (temperature, softcap, w_transposed)
    of_teacher = "classes m" if w_transposed is True else "m classes"
    require_head(
        rule,
        Head(x, w, b, *options),
        chunk,
        "rows",
        teacher_x=(teacher_x, "... m"),
        teacher_w=(teacher_w, of_teacher),
        teacher_b=(teacher_b, "classes | None"),
    )
    require_number(rule, "beta", beta, "from 0 to 1", lambda v: 0 <= v <= 1)
    if x.ndim > 1:
        return _linear_js_divergence(x, w, teacher_x, teacher_w, b, teacher_b, beta, *options, chunk)
    return _linear_js_divergence(x[None], w, teacher_x[None], teacher_w, b, teacher_b, beta, *options, chunk)[0]


@partial(jax.custom_vjp, nondiff_argnums=(6, 7, 8, 9, 10))
def _linear_js_divergence(x, w, teacher_x, teacher_w, b, teacher_b, *options):
    return linear_js_divergence_fwd(x, w, teacher_x, teacher_w, b, teacher_b, *options)[0]


def linear_js_divergence_fwd(*given):
    arrays, (beta, *options, chunk) = given[:6], given[6:]
    heads, x, (of_p, of_q) = _heads(arrays, options), arrays[0], _shares(beta)

    def part(start, size):
        _, p_entropy, q_entropy = _compared(beta, _logits(heads, start, size))
        return jnp.squeeze(of_p * p_entropy + of_q * q_entropy, -1).astype(x.dtype)

    merge = lambda whole, part, start: placed(whole, part, start, x.shape[-2], x.ndim - 2)
    return over_chunks(part, merge, x.shape[-2], at_once(heads[0], chunk, 2)), arrays


def linear_js_divergence_bwd(beta, temperature, softcap, w_transposed, chunk, arrays, l_bar):
    heads, (of_p, of_q) = _heads(arrays, (temperature, softcap, w_transposed)), _shares(beta)

    def part(start, size):
        z = _logits(heads, start, size)
        (log_q, log_p, log_m), p_entropy, q_entropy = _compared(beta, z)
        bar = widen(cut(l_bar, start, size, l_bar.ndim - 1))[..., None]
        slopes = _slope(of_q, log_q, log_m, q_entropy, log_p), _slope(of_p, log_p, log_m, p_entropy, log_q)
        pull = lambda head, z, slope: pulled(part_of(head, start, size), z, bar * slope, 0)
        return tuple(map(pull, heads, z, slopes))

    def merge(whole, parts, start):
        return tuple(gathered_rows(*each, start) for each in zip(heads, whole or (None, None), parts, strict=True))

    bars = over_chunks(part, merge, arrays[0].shape[-2], at_once(heads[0], chunk, 2))
    (x_bar, w_bar, b_bar), (*of_teacher, c_bar) = map(head_cotangents, heads, bars)
    return x_bar, w_bar, *of_teacher, b_bar, c_bar


_linear_js_divergence.defvjp(linear_js_divergence_fwd, linear_js_divergence_bwd)


def linear_js_divergence_reference(
    x, w, teacher_x, teacher_w, b=None, teacher_b=None, *, beta=0.5, temperature=1.0, softcap=None, w_transposed=False,
    chunk=None,
):  # fmt: skip
    """By the entropies of p, q and m; at the ends as a cross-entropy less an entropy."""

    def softmax(x, w, b):
        z = jnp.einsum("...n,kn->...k" if w_transposed else "...n,nk->...k", x, w)
        z = z if b is None else z + jnp.broadcast_to(b, z.shape)
        z = (z if softcap is None else softcap * jnp.tanh(z / softcap)) / temperature
        return jnp.exp(z) / jnp.sum(jnp.exp(z), axis=-1, keepdims=True)

    cross = lambda p, q: -jnp.einsum("...k,...k->...", p, jnp.log(q))
    q, p = softmax(x, w, b), softmax(teacher_x, teacher_w, teacher_b)
    if beta in (0, 1):
        p, q = (q, p) if beta else (p, q)
        return cross(p, q) - cross(p, p)
    m = beta * p + (1 - beta) * q
    return cross(m, m) - beta * cross(p, p) - (1 - beta) * cross(q, q)


def _heads(arrays, options):
    """The student's and the teacher's."""
    x, w, teacher_x, teacher_w, b, teacher_b = arrays
    return Head(x, w, b, *options), Head(teacher_x, teacher_w, teacher_b, *options)


def _shares(beta):
    """What P and Q are multiplied by."""
    return (1 - beta, beta) if beta in (0, 1) else (beta, 1 - beta)


def _logits(heads, start, size):
    """z and z' of some positions."""
    return [logits(part_of(head, start, size), 0, head.classes) for head in heads]


def _compared(beta, z):
    """log q, log p and log m; P; Q."""
    log_q, log_p = map(_log_softmax, z)
    log_m = _log_mixture(beta, log_p, log_q)
    relative = lambda a: jnp.sum(times(jnp.exp(a), a - log_m), axis=-1, keepdims=True)
    return (log_q, log_p, log_m), relative(log_p), relative(log_q)


def _log_softmax(z):
    top = jax.lax.stop_gradient(finite(jnp.max(z, axis=-1, keepdims=True)))  # the softmax does not depend on it
    return (z - top) - jnp.log(jnp.sum(jnp.exp(z - top), axis=-1, keepdims=True))


def _log_mixture(beta, log_p, log_q):
    """log m; the least number, not -inf, where both p and q are 0."""
    if beta in (0, 1):
        return log_p if beta else log_q
    top = jax.lax.stop_gradient(finite(jnp.maximum(log_p, log_q)))
    total = beta * jnp.exp(log_p - top) + (1 - beta) * jnp.exp(log_q - top)
    return top + jnp.log(jnp.where(total == 0, 1, total))


def _slope(share, log_p, log_m, entropy, log_other):
    """Of l along the logits of p; without a share in l, p moves m alone."""
    p = jnp.exp(log_p)
    return share * times(p, log_p - log_m - entropy) if share else p - jnp.exp(log_other)
