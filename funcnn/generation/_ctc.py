"""Labels out of the logits of connectionist temporal classification: the likeliest alignment, or the likeliest labels."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from ..rules._common._checks import is_int
from ..rules._common._precision import widen
from ..rules.losses._ctc import NEVER, require_frames


class Decoded(NamedTuple):
    """Labels ``[..., time]``, of which ``lengths`` ``[...]`` count, the blank after them; ``log_probs`` ``[...]``."""

    labels: Array
    lengths: Array
    log_probs: Array


def ctc_greedy(logits: Array, logit_lengths: Array | None = None, *, blank: int = 0) -> Decoded:
    """What the likeliest alignment says: each frame's likeliest class, repeats once, and no blanks.

    Args:
      logits: ``[batch, time, classes]``, floating.
      logit_lengths: ``[batch]``, integers: how many frames count, all of them where it is more; None for all.
      blank: the class that stands for no label.

    Returns:
      A `Decoded` of ``[batch]``, with the log-probability of the alignment.

    Raises:
      TypeError, ValueError: the dtypes, shapes or options are not these.

    Example:
      >>> logits = jax.nn.one_hot(jnp.array([[1, 1, 0, 1, 2]]), 3)
      >>> found = ctc_greedy(logits)
      >>> found.labels.tolist(), found.lengths.tolist()
      ([[1, 1, 2, 0, 0]], [3])

    Source:
      Graves et al., "Connectionist temporal classification", 2006, section 3.2 (best path decoding).
    """
    log_p, running = _frames("ctc_greedy", logits, logit_lengths, blank)
    best = jnp.argmax(log_p, axis=-1).astype(jnp.int32)
    before = jnp.pad(best[:, :-1], ((0, 0), (1, 0)), constant_values=blank)[:, : best.shape[1]]
    told = running & (best != blank) & (best != before)
    places = jnp.where(told, jnp.cumsum(told, axis=-1) - 1, best.shape[1])
    labels = jax.vmap(lambda best, places: jnp.full_like(best, blank).at[places].set(best, mode="drop"))(best, places)
    log_probs = jnp.sum(jnp.where(running, jnp.max(log_p, axis=-1), 0), axis=-1)
    return Decoded(labels, jnp.sum(told, axis=-1, dtype=jnp.int32), log_probs)


def ctc_beam(logits: Array, logit_lengths: Array | None = None, *, beam: int = 16, blank: int = 0) -> Decoded:
    """The likeliest labels, each over all its alignments, by prefix beam search.

    After each frame the likeliest prefixes go on. Where the beam is as wide as there are prefixes, the result is exact.
    Otherwise the log-probability of labels is that of the alignments whose prefixes all stayed in the beam.

    Args:
      logits: ``[batch, time, classes]``, floating.
      logit_lengths: ``[batch]``, integers: how many frames count, all of them where it is more; None for all.
      beam: how many prefixes are kept.
      blank: the class that stands for no label.

    Returns:
      A `Decoded` of ``[batch, beam]``, the likeliest first. Where there are fewer, lengths of -1 and log-probabilities of
      -inf follow.

    Raises:
      TypeError, ValueError: the dtypes, shapes or options are not these.

    Example:
      >>> logits = jnp.log(jnp.array([[[0.6, 0.4], [0.6, 0.4]]]))   # "blank blank" has 0.36, yet "1" has 0.64
      >>> found = ctc_beam(logits, beam=3)
      >>> found.labels[0, 0].tolist(), jnp.exp(found.log_probs).round(2).tolist()
      ([1, 0], [[0.64, 0.36, 0.0]])

    Source:
      Graves, "Sequence transduction with recurrent neural networks", 2012, section 2.5; Hannun, Maas, Jurafsky & Ng,
      "First-pass large vocabulary continuous speech recognition using bi-directional recurrent DNNs", 2014, algorithm 1.
    """
    log_p, running = _frames("ctc_beam", logits, logit_lengths, blank)
    if not is_int(beam) or beam < 1:
        raise ValueError(f"ctc_beam: beam must be an int above 0, got {beam!r}")

    def of_row(log_p: Array, running: Array) -> Decoded:
        start = _start(log_p, beam, blank)
        end, _ = lax.scan(lambda kept, frame: (_after(kept, *frame, blank), None), start, (log_p, running))
        total = jnp.where(end.lengths < 0, -jnp.inf, jnp.logaddexp(end.v, end.w))
        order = jnp.argsort(-total)
        return Decoded(end.labels[order], end.lengths[order], total[order])

    return jax.vmap(of_row)(log_p, running)


class _Prefixes(NamedTuple):
    """The beam: labels ``[beam, time]``, the blank after them; lengths, -1 where there is no prefix.

    v and w are the logarithms of the probabilities of alignments that end in a blank, and in the last label.
    """

    labels: Array
    lengths: Array
    v: Array
    w: Array


def _start(log_p, beam, blank):
    """The prefix without a label, and nothing else."""
    first = jnp.arange(beam, dtype=jnp.int32) == 0
    never = jnp.full(beam, NEVER, log_p.dtype)
    labels = jnp.full((beam, log_p.shape[0]), blank, jnp.int32)
    lengths = jnp.where(first, jnp.zeros(beam, jnp.int32), -1)
    return _Prefixes(labels, lengths, jnp.where(first, 0, never), never)


def _after(kept, log_p, running, blank):
    """The likeliest of all prefixes after one more frame: those there were, and each with one more label."""
    beam, classes = len(kept.lengths), len(log_p)
    u, last = jnp.logaddexp(kept.v, kept.w), _last(kept)
    class_numbers = jnp.arange(classes, dtype=jnp.int32)
    repeats = class_numbers[None] == last[:, None]
    longer = jnp.where(repeats, kept.v[:, None], u[:, None]) + log_p[None]
    there = (kept.lengths >= 0)[:, None] & (class_numbers != blank)[None]
    longer = jnp.where(there, jnp.maximum(longer, NEVER), NEVER)  # [beam, classes]
    parent = _is_parent(kept)  # of the second, with the label that is its last
    grown = jnp.where(parent, longer[:, jnp.maximum(last, 0)], NEVER)
    v = log_p[blank] + u
    w = jnp.logaddexp(log_p[jnp.maximum(last, 0)] + kept.w, jax.nn.logsumexp(grown, axis=0))
    known = jnp.any(parent[:, :, None] & repeats[None], axis=1)  # longer prefixes that are in the beam
    longer = jnp.where(known, NEVER, longer)
    same = jnp.where(kept.lengths >= 0, jnp.logaddexp(v, w), NEVER)
    total, chosen = lax.top_k(jnp.concatenate([same, longer.reshape(-1)]), beam)
    return _where(running, _chosen(kept, v, w, total, chosen, classes), kept)


def _chosen(kept, v, w, total, chosen, classes):
    """The prefixes of these numbers: the beam's own come first, then each with each label."""
    beam = len(kept.lengths)
    grows = chosen >= beam
    row = jnp.where(grows, (chosen - beam) // classes, chosen)
    label = ((chosen - beam) % classes).astype(jnp.int32)
    labels, lengths = kept.labels[row], kept.lengths[row]
    here = grows[:, None] & (jnp.arange(labels.shape[1], dtype=lengths.dtype)[None] == lengths[:, None])
    labels = jnp.where(here, label[:, None], labels)
    lengths = jnp.where(total <= NEVER / 2, -1, lengths + grows.astype(lengths.dtype))
    return _Prefixes(labels, lengths, jnp.where(grows, NEVER, v[row]), jnp.where(grows, total, w[row]))


def _last(kept):
    """Each prefix's last label; -1 without any."""
    last = jnp.take_along_axis(kept.labels, jnp.maximum(kept.lengths - 1, 0)[:, None], axis=1)[:, 0]
    return jnp.where(kept.lengths > 0, last, -1)


def _is_parent(kept):
    """Whether the second prefix is the first with one more label, ``[beam, beam]``."""
    places = jnp.arange(kept.labels.shape[1], dtype=kept.lengths.dtype)
    before = places[None] < kept.lengths[:, None]
    alike = jnp.all((kept.labels[:, None] == kept.labels[None]) | ~before[:, None], axis=-1)
    return alike & (kept.lengths[:, None] >= 0) & (kept.lengths[None] == kept.lengths[:, None] + 1)


def _where(condition, a: Any, b: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), a, b)


def _frames(name, logits, logit_lengths, blank):
    """Log-probabilities of the classes, float32 or wider, and whether each frame counts."""
    require_frames(name, logits, logit_lengths, blank)
    batch, time = logits.shape[:2]
    log_p = jax.nn.log_softmax(widen(logits))
    if logit_lengths is None:
        return log_p, jnp.full((batch, time), True)
    running = jnp.arange(time, dtype=jnp.int32)[None] < logit_lengths.astype(jnp.int32)[:, None]
    return jnp.where(running[..., None], log_p, 0), running
