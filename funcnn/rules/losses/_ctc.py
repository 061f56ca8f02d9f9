r"""Connectionist temporal classification: the negative log-probability of a target, over all its alignments with frames.

Each frame says one class, or a blank. An alignment is a class a frame: repeats are one label, then blanks are left out. So
two equal labels that follow one another need a blank between them.

Forward, p = softmax x_t, frame after frame                          x [batch, time, classes]
    u_n = v_n + w_n                the frames so far say the first n labels,
    v_n ← p_blank u_n              and the last frame is a blank,
    w_n ← p_(label n) (w_n + s_n)  or it is label n;
    s_n = u_(n-1), or v_(n-1) where label n repeats label n-1
    ctc = -log u_n of the last frame, n the target's length
    At first u_0 = v_0 = 1, all else is 0. Logarithms are kept, less the largest u of each frame, which are summed apart.

Backward, U, V and W the posterior probabilities of what u, v and w count, frame before frame
    W_n = λ_n U_n + R_n,  V_n = (1 - λ_n) U_n + S_n,                 λ_n = w_n / u_n
    U_n ← V_n + T_(n+1),  S_n ← 0;  where label n+1 repeats label n  U_n ← V_n,  S_n ← T_(n+1)
    R_n ← ρ_n W_n,  T_n = (1 - ρ_n) W_n                              ρ_n = w_n / (w_n + s_n), of the frame before
    x_bar = ctc_bar (softmax x_t - γ_t),  γ_t of blank = Σ_n V_n,  γ_t of a class = Σ W_n over the labels that are it
    At last U_n = 1 for the target's length n, all else is 0.

Derivation
    P = Σ_π Π_t p_(π_t) is linear in each frame's p, so d log P = Σ_t Σ_k γ_t(k) d log p_k, where γ_t(k) is the posterior
    probability that frame t says k. With Σ_k γ_t(k) = 1 and d log p_k = dx_k - ⟨p, dx⟩, d log P = Σ_t ⟨γ_t - p, dx_t⟩.
    A posterior αβ / P passes to the frame before by Bayes' rule: each state's goes to the states that it came from, by
    their shares of α. Shares are at most 1, so that nothing overflows and no β is needed.

Residuals
    The arguments, which the caller holds; max x and Σ e^(x - max x) of each frame, from which its softmax is recomputed;
    λ and ρ, 2 (n + 1) numbers a frame; and the loss. Backward is products and sums of these.

Edges
    What cannot be aligned costs inf, with x_bar = 0: targets that are longer than the frames with their repeats, that
    contain the blank or a number outside the classes, or that need a class whose logit is -inf. So does a cost above 1e29.
    Without frames and labels the loss is 0. A length beyond its axis is the axis's size, one below 0 is 0.
    Frames and labels past their lengths may hold anything, and x_bar is 0 there.
    A logit of inf, an overflow, makes the loss and the cotangents of its row NaN.

Accuracy
    ctc: value within 3 ulp, cotangents within 1; in half precision 0.51 and 0.51;
        at random and adversarial points of sizes up to 2⁵⁰.

Source
    Graves, Fernández, Gomez & Schmidhuber, "Connectionist temporal classification", 2006, eqs. 5-8 (forward), 14 and 16.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from .._common._checks import describe, is_array, is_int, require_floating, require_shape
from .._common._cotangent import cotangent
from .._common._precision import finite, widen
from ._labels import are_classes, inside, roomy

NEVER = -1e30  # the logarithm of 0: unlike -inf it can be subtracted from itself
FEWEST = 1e29  # what costs so much has no alignment


@partial(jax.custom_vjp, nondiff_argnums=(4,))
def ctc(
    logits: Array,
    labels: Array,
    logit_lengths: Array | None = None,
    label_lengths: Array | None = None,
    blank: int = 0,
) -> Array:
    """Take the negative log-probability of each target, whatever its alignment with the frames.

    Args:
      logits: ``[batch, time, classes]``, floating, not normalised.
      labels: ``[batch, n]``, integers: the targets, without blanks.
      logit_lengths: ``[batch]``, integers: how many frames count; None for all.
      label_lengths: ``[batch]``, integers: how many labels count; None for all.
      blank: the class that stands for no label.

    Returns:
      ``[batch]``, of the logits' dtype; inf, with a gradient of 0, for what cannot be aligned.

    Raises:
      TypeError, ValueError: the dtypes, shapes or options are not these.
    """
    return ctc_fwd(logits, labels, logit_lengths, label_lengths, blank)[0]


def ctc_fwd(logits, labels, logit_lengths, label_lengths, blank):
    require_frames("ctc", logits, logit_lengths, blank)
    require_targets("ctc", labels, label_lengths, logits)
    classes, counts, same, last = _targets(logits, labels, label_lengths, blank)
    running = _running(logits, logit_lengths)
    top, total = _of_softmax(logits, running)
    log_p = jnp.take_along_axis(logits, classes[:, None], axis=-1)
    log_p = (jnp.where(running[..., None], widen(log_p), 0) - top) - jnp.log(total)
    log_p = jnp.where(counts[:, None], jnp.maximum(log_p, NEVER), NEVER)

    def step(logs, frame):
        log_p, running = frame
        u, v, w = logs
        s = _after_a_label(jnp.where(same, v, u), NEVER)
        v, (w, rho) = log_p[:1] + u, _log_add(w, s)
        w = log_p + w
        u, lam = _log_add(w, v)
        most = lax.stop_gradient(jnp.max(u, axis=0, keepdims=True))
        logs = tuple(jnp.where(running, new - most, old) for new, old in zip((u, v, w), logs, strict=True))
        return logs, (jnp.where(running, -most, 0), lam, rho)

    frames = jnp.moveaxis(log_p, 0, -1), running.T[:, None]
    never = _zeros(frames[0], 0) + NEVER
    start = never - jnp.where(_numbers(same) == 0, NEVER, 0)
    logs, (costs, lam, rho) = lax.scan(step, (start, start, never), frames)
    loss = jnp.sum(costs, axis=(0, 1)) - jnp.sum(jnp.where(last, logs[0], 0), axis=0)
    y = jnp.where(loss >= FEWEST, jnp.inf, loss).astype(logits.dtype)
    return y, (logits, labels, logit_lengths, label_lengths, top, total, lam, rho, loss)


def ctc_bwd(blank, residuals, y_bar):
    logits, labels, logit_lengths, label_lengths, top, total, lam, rho, loss = residuals
    classes, _, same, last = _targets(logits, labels, label_lengths, blank)
    running = _running(logits, logit_lengths)

    def step(later, frame):
        lam, rho, running = frame
        u, v, w = later
        v, w = v + (1 - lam) * u, w + lam * u
        t = _before_a_label((1 - rho) * w)
        earlier = v + jnp.where(same, 0, t), jnp.where(same, t, 0), rho * w
        said = jnp.concatenate([jnp.sum(v, axis=0, keepdims=True), w[1:]])
        return tuple(jnp.where(running, new, old) for new, old in zip(earlier, later, strict=True)), said

    none = _zeros(lam, 0)
    _, said = lax.scan(step, (none + last.astype(none.dtype), none, none), (lam, rho, running.T[:, None]), reverse=True)
    aligned = (running & ~(loss >= FEWEST)[:, None])[..., None]
    softmax = jnp.exp(jnp.where(aligned, widen(logits) - top, 0)) / total
    y_bar = (widen(y_bar) * jnp.where(jnp.isnan(loss), loss, 1))[:, None, None]  # NaN in all classes, labels or not
    x_bar, said = (jnp.where(aligned, y_bar * a, 0) for a in (softmax, jnp.moveaxis(said, -1, 0)))
    x_bar = jax.vmap(lambda x_bar, classes, said: x_bar.at[:, classes].add(-said))(x_bar, classes, said)
    return cotangent(x_bar, logits), None, None, None


ctc.defvjp(ctc_fwd, ctc_bwd)


def ctc_reference(logits, labels, logit_lengths=None, label_lengths=None, blank=0):
    """By products with a matrix of the moves between 2 n + 1 states, blanks and labels in turn; row by row."""
    (batch, time, classes), n = logits.shape, labels.shape[1]
    order = jnp.arange(2 * n + 1, dtype=jnp.int32)
    is_label = order % 2 == 1

    def of_row(logits, labels, frames, length):
        states = jnp.full(2 * n + 1, blank, labels.dtype).at[1::2].set(labels)
        known = jnp.where(is_label, states != blank, True).astype(logits.dtype)
        p = jnp.exp(logits) / jnp.sum(jnp.exp(logits), axis=-1, keepdims=True)
        said = p @ (jax.nn.one_hot(states, classes, axis=0, dtype=p.dtype) * known[None])
        skips = (is_label & (states != jnp.roll(states, 2))).astype(p.dtype)
        moves = sum(jnp.eye(2 * n + 1, k=k, dtype=p.dtype) for k in (0, 1))
        moves = moves + jnp.eye(2 * n + 1, k=2, dtype=p.dtype) * skips[None]
        alpha = jnp.where(order == 0, 1.0, 0.0).astype(p.dtype)
        for t in range(time):
            alpha = jnp.where(t < frames, (alpha @ moves) * said[t], alpha)
        total = jnp.sum(jnp.where((order == 2 * length) | (order == 2 * length - 1), alpha, 0))
        return jnp.where(total > 0, -jnp.log(jnp.where(total > 0, total, 1)), jnp.inf)

    frames, lengths = (
        jnp.full(batch, most, jnp.int32) if given is None else jnp.clip(given.astype(jnp.int32), 0, most)
        for given, most in ((logit_lengths, time), (label_lengths, n))
    )
    return jax.vmap(of_row)(logits, labels, frames, lengths)


def _targets(logits, labels, label_lengths, blank):
    """What the target of each row is.

    Returns:
      The blank and the labels, as classes, and whether each counts, ``[batch, n + 1]``; whether the next label repeats this
      one, and whether the target ends here, ``[n + 1, batch]``.
    """
    labels, n = roomy(labels), labels.shape[1]
    known = inside(labels, logits) & (labels != blank)
    classes = jnp.pad(jnp.where(known, labels, 0), ((0, 0), (1, 0)), constant_values=blank)
    same = jnp.pad(labels[:, 1:] == labels[:, :-1], ((0, 0), (1, n > 0))).T
    length = _length(label_lengths, labels)
    counts = jnp.pad(known, ((0, 0), (1, 0)), constant_values=True) & (length[:, None] >= _numbers(same).T)
    return classes, counts, same, _numbers(same) == length[None]


def _running(logits, logit_lengths):
    """Whether each frame counts, [batch, time]."""
    frames = logits[..., 0]
    return lax.broadcasted_iota(jnp.int32, (1, frames.shape[1]), 1) < _length(logit_lengths, frames)[:, None]


def _of_softmax(logits, running):
    """max x and Σ e^(x - max x) of each frame, [batch, time, 1]; 0 and 1 of a frame that does not count."""
    running = running[..., None]
    # No cotangent passes to a frame that does not count, and NaN may be there. XLA leaves out a select of equals.
    x = widen(jnp.where(running, logits, lax.stop_gradient(logits)))
    top = lax.stop_gradient(finite(jnp.max(x, axis=-1, keepdims=True)))  # the softmax does not depend on it
    total = jnp.sum(jnp.exp(x - top), axis=-1, keepdims=True)
    return jnp.where(running, top, 0), jnp.where(running & (total != 0), total, 1)


def _length(lengths, rows):
    """How much of each row counts, within its axis, [batch]."""
    lengths = _zeros(rows, 1) + rows.shape[1] if lengths is None else jnp.clip(roomy(lengths), 0, rows.shape[1])
    return lengths.astype(jnp.int32)


def _zeros(a, axis):
    """Zeros of the array's shape without the axis, placed and varying over devices as the array is."""
    return jnp.sum(lax.slice_in_dim(a, 0, 0, axis=axis), axis=axis)


def _numbers(states):
    """0 … n, [n + 1, 1]."""
    return lax.broadcasted_iota(jnp.int32, (states.shape[0], 1), 0)


def _after_a_label(states, first):
    """The states moved from n to n + 1."""
    return jnp.pad(states[:-1], ((1, 0), (0, 0)), constant_values=first)


def _before_a_label(states):
    """The states moved from n + 1 to n."""
    return jnp.pad(states[1:], ((0, 1), (0, 0)))


def _log_add(a, b):
    """log (e^a + e^b), and the share of e^a in the sum."""
    top = lax.stop_gradient(jnp.maximum(a, b))
    of_a, of_b = jnp.exp(a - top), jnp.exp(b - top)
    total = of_a + of_b
    return top + jnp.log(total), of_a / total


def require_frames(rule, logits, logit_lengths, blank):
    """Raise TypeError or ValueError unless these are logits of frames, their lengths or None, and one of the classes."""
    require_floating(rule, logits=logits)
    shaped = jnp.ndim(logits) == 3 and logits.shape[-1] > 0
    require_shape(rule, "logits", logits, "[batch, time, classes] with at least one class", shaped)
    if logit_lengths is not None:
        _require_ints(rule, "logit_lengths", logit_lengths, "", logits.shape[:1])
    if not is_int(blank):
        raise TypeError(f"{rule}: blank must be a class number, got {blank!r}")
    if not 0 <= blank < logits.shape[-1]:
        raise ValueError(f"{rule}: blank must be a class number from 0 to {logits.shape[-1] - 1}, got {blank}")


def require_targets(rule, labels, label_lengths, logits):
    """Raise TypeError or ValueError unless these are the labels of each row of logits, and their lengths or None."""
    _require_ints(rule, "labels", labels, "n", logits.shape[:1])
    if label_lengths is not None:
        _require_ints(rule, "label_lengths", label_lengths, "", logits.shape[:1])


def _require_ints(rule, name, a, after, batch):
    if not are_classes(a):
        cast = f": {name}.astype('int32')" if is_array(a) else ""
        raise TypeError(f"{rule}: {name} must be an array of integers, got {describe(a)}{cast}")
    expected = f"[{', '.join(map(str, (*batch, *after)))}], a row for each of logits"
    require_shape(rule, name, a, expected, a.ndim == 1 + len(after) and a.shape[:1] == batch)
