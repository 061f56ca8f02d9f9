"""Recurrences in chunks, windows with a state, sums of gates: wrong where a chunk or a sequence is short, and right."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, double, need, normal, of_rank, right, rule, uniform, wrong
from tests.helpers.witness import differs

cases: list[Case] = []

CHUNK = 4


def in_chunks(x):
    """Rows in chunks of four, the last filled up with zeros."""
    return jnp.pad(x, ((0, -len(x) % CHUNK), (0, 0))).reshape(-1, CHUNK, x.shape[1])


def decayed_sum(whole):
    """The last state of h ← a h + x, in chunks; a last, shorter one decays by its length, or by a whole one's."""

    def f(x, a):
        of_rank(2, x)
        return jax.lax.scan(lambda h, row: (a * h + row, None), jnp.zeros_like(x[0]), x)[0]

    def bwd(residuals, y_bar):
        x, a = residuals
        n, steps = len(x), jnp.arange(len(x))
        end = jnp.minimum((steps // CHUNK + 1) * CHUNK, -(-n // CHUNK) * CHUNK if whole else n)
        inside, last = end - 1 - steps, -(-n // CHUNK) * CHUNK if whole else n
        powers = (inside + last - end).astype(x.dtype)
        decays = a[None] ** powers[:, None]
        slopes = powers[:, None] * a[None] ** jnp.maximum(powers - 1, 0)[:, None]
        return decays * y_bar[None], jnp.sum(x * slopes, axis=0) * y_bar

    return rule(f, lambda x, a: (f(x, a), (x, a)), bwd)


@wrong(
    cases,
    "a last, shorter chunk decays as a whole one",
    "S9",
    differs(lambda x, a: (double(6, 3), a.astype(jnp.float64))),
)
def decayed_sum_short_chunk():
    return decayed_sum(True), (normal(8, 3), uniform(3, low=0.5, high=0.9))


@right(cases, "S9")
def decayed_sum_in_chunks():
    return decayed_sum(False), (normal(8, 3), uniform(3, low=0.5, high=0.9))


def linear_attention(drops):
    """y_t = Σ_{s ≤ t} (q_t · k_s) v_s; a chunk's own part and that of the chunks before it apart."""

    def masks(n):
        t, s = np.arange(n)[:, None], np.arange(n)[None]
        same = t // CHUNK == s // CHUNK
        whole = (t // CHUNK + 1) * CHUNK <= n if drops else np.ones_like(same)
        return same & (s <= t) & whole, s // CHUNK < t // CHUNK

    def f(q, k, v):
        of_rank(2, q, k, v)
        need(len(q) == len(k) == len(v) and q.shape[1] == k.shape[1])
        return jnp.tril(q @ k.T) @ v

    def bwd(residuals, y_bar):
        q, k, v = residuals
        bars = [jnp.zeros_like(a) for a in residuals]
        for mask in masks(len(q)):
            mask = jnp.asarray(mask, q.dtype)
            w, w_bar = mask * (q @ k.T), mask * (y_bar @ v.T)
            bars = [a + b for a, b in zip(bars, (w_bar @ k, w_bar.T @ q, w.T @ y_bar), strict=True)]
        return tuple(bars)

    return rule(f, lambda *args: (f(*args), args), bwd)


def of_length(n):
    """A witness: the same at another length."""
    return differs(lambda *args: tuple(double(n, a.shape[1], seed=i) for i, a in enumerate(args)))


@wrong(cases, "a last, shorter chunk attends to the chunks before it alone", "S9", of_length(7))
def linear_attention_short_chunk():
    return linear_attention(True), (normal(8, 2), normal(8, 2, seed=1), normal(8, 3, seed=2))


@right(cases, "S9")
def linear_attention_in_chunks():
    return linear_attention(False), (normal(8, 2), normal(8, 2, seed=1), normal(8, 3, seed=2))


def mean_square(by_chunk):
    """The mean over rows of their squares; a row's share is that of its chunk, or 1 / n."""

    def f(x):
        of_rank(2, x)
        need(len(x) > 0)
        return jnp.mean(jnp.sum(x * x, axis=1))

    def bwd(x, y_bar):
        n, chunks = len(x), -(-len(x) // CHUNK)
        lengths = np.minimum(CHUNK, n - np.arange(n) // CHUNK * CHUNK)
        share = 1 / (chunks * lengths) if by_chunk else np.full(n, 1 / n)
        return (2 * x * y_bar * jnp.asarray(share, x.dtype)[:, None],)

    return rule(f, lambda x: (f(x), x), bwd)


@wrong(cases, "a mean of the chunks' means: the last, shorter chunk weighs too much", "S9", of_length(6))
def mean_square_of_chunk_means():
    return mean_square(True), (normal(8, 3),)


@right(cases, "S9")
def mean_square_over_chunks():
    return mean_square(False), (normal(8, 3),)


def delay_line(shifted):
    """x after a delay, which a buffer of the last rows before it fills; and the buffer for what comes next."""

    def f(x, buffer):
        of_rank(2, x, buffer)
        need(len(x) > 0 < len(buffer) and x.shape[1] == buffer.shape[1])
        line = jnp.concatenate([buffer, x])
        return line[: len(x)], line[len(x) :]

    def bwd(sizes, bars):
        (n, width), (y_bar, buffer_bar) = sizes, bars
        line_bar = jnp.concatenate([y_bar, buffer_bar])
        if shifted and n < width:
            line_bar = jnp.concatenate([y_bar, jnp.roll(buffer_bar, n, axis=0)])
        return line_bar[width:], line_bar[:width]

    made = jax.custom_vjp(f)
    made.defvjp(lambda x, buffer: (f(x, buffer), _Sizes((len(x), len(buffer)))), bwd)
    return made


@jax.tree_util.register_static
class _Sizes(tuple):
    """Two lengths, which are no arrays."""


@wrong(
    cases,
    "a sequence shorter than the delay shifts the buffer's cotangent",
    "S9",
    differs(lambda x, b: (double(2, 3), double(4, 3))),
)
def delay_line_short_sequence():
    return delay_line(True), (normal(6, 3), normal(4, 3, seed=1))


@right(cases, "S9")
def delay_line_any_sequence():
    return delay_line(False), (normal(6, 3), normal(4, 3, seed=1))


def causal_convolution(from_front):
    """A depthwise convolution over the rows before x and x; and the last rows, for the call that follows."""

    def parts(x, before, kernel):
        line = jnp.concatenate([before, x])
        return line, [line[i : i + len(x)] for i in range(len(kernel))]

    def f(x, before, kernel):
        of_rank(2, x, before, kernel)
        need(len(kernel) == len(before) + 1 > 1 and x.shape[1] == before.shape[1] == kernel.shape[1] and len(x) > 0)
        line, rows = parts(x, before, kernel)
        return sum(k[None] * row for k, row in zip(kernel, rows, strict=True)), line[len(x) :]

    def bwd(residuals, bars):
        (x, before, kernel), (y_bar, after_bar) = residuals, bars
        line, rows = parts(*residuals)
        line_bar = jnp.zeros_like(line)
        for i, k in enumerate(kernel):
            line_bar = line_bar.at[i : i + len(x)].add(k[None] * y_bar)
        n = min(len(x), len(before))
        start, rows_after = (
            (len(line) - n, after_bar[:n]) if from_front else (len(x), after_bar)
        )  # x's are the last ones
        line_bar = line_bar.at[start : start + len(rows_after)].add(rows_after)
        kernel_bar = jnp.stack([jnp.sum(row * y_bar, axis=0) for row in rows])
        return line_bar[len(before) :], line_bar[: len(before)], kernel_bar

    return rule(f, lambda *args: (f(*args), args), bwd)


CONVOLUTION = differs(lambda x, before, kernel: (double(2, 2), double(3, 2), double(4, 2)))


@wrong(cases, "a sequence shorter than the window gets the wrong rows of the last state's cotangent", "S9", CONVOLUTION)
def causal_convolution_short_sequence():
    return causal_convolution(True), (normal(6, 2), normal(3, 2, seed=1), normal(4, 2, seed=2))


@right(cases, "S9")
def causal_convolution_any_sequence():
    return causal_convolution(False), (normal(6, 2), normal(3, 2, seed=1), normal(4, 2, seed=2))


def moving_sum(shifted):
    """Sums of four rows up to each; those before x are a state, as is what follows."""
    width = 3

    def f(x, before):
        of_rank(2, x, before)
        need(len(before) == width and len(x) > 0 and x.shape[1] == before.shape[1])
        line = jnp.concatenate([before, x])
        return sum(line[i : i + len(x)] for i in range(width + 1)), line[-width:]

    def bwd(n, bars):
        (n,), (y_bar, after_bar) = n, bars
        line_bar = jnp.zeros((n + width, y_bar.shape[1]), y_bar.dtype)
        for i in range(width + 1):
            line_bar = line_bar.at[i : i + n].add(y_bar)
        start = max(n, width) if shifted else n
        line_bar = line_bar.at[start : start + width].add(after_bar[: n + width - start])
        return line_bar[width:], line_bar[:width]

    made = jax.custom_vjp(f)
    made.defvjp(lambda x, before: (f(x, before), _Sizes((len(x),))), bwd)
    return made


@wrong(
    cases,
    "a short sequence's last state taken as if none of it came from before",
    "S9",
    differs(lambda x, b: (double(2, 3), double(3, 3))),
)
def moving_sum_short_sequence():
    return moving_sum(True), (normal(6, 2), normal(3, 2, seed=1))


@right(cases, "S9")
def moving_sum_any_sequence():
    return moving_sum(False), (normal(6, 2), normal(3, 2, seed=1))
