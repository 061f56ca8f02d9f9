r"""Attention's backward pass by hand, tile by tile: what is stored is one number a query, never the matrix of weights.

Forward, of query i and the keys j ≤ i that it sees
    s_ij = q_i·k_j / √d,   lse_i = log Σ_j e^(s_ij),   p_ij = e^(s_ij - lse_i),   y_i = Σ_j p_ij v_j

Backward
    dy_i = Σ_j p_ij dv_j + Σ_j dp_ij v_j   and   dp_ij = p_ij (ds_ij - Σ_k p_ik ds_ik), so that
    s_bar_ij = p_ij (y_bar_i·v_j - y_bar_i·y_i)
    q_bar_i = Σ_j s_bar_ij k_j / √d        k_bar_j = Σ_i s_bar_ij q_i / √d        v_bar_j = Σ_i p_ij y_bar_i

The sum over k, of which each s_bar_ij has need, is y_bar_i·y_i: a number a query. So any tile of p can be computed again
from q, k and lse, used, and forgotten.

Run: python examples/attention_by_hand.py
"""

from itertools import product
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from tqdm import tqdm

import funcnn as fn

jax.config.update("jax_enable_x64", True)

PICTURE = Path(__file__).parent / "pictures" / "attention_by_hand.png"
LENGTH, FEATURES, BLOCK = 64, 8, 16
TILES = [(i, j) for i, j in product(range(0, LENGTH, BLOCK), repeat=2) if j <= i]  # the others are all in the future
LENGTHS = 1024, 2048, 4096


def scores(q, k, i=0, j=0):
    """The logits of queries from the i-th on and keys from the j-th on; −∞ where the key is in the future."""
    future = j + np.arange(len(k))[None, :] > i + np.arange(len(q))[:, None]
    return np.where(future, -np.inf, q @ k.T / np.sqrt(q.shape[-1]))


def forward(q, k, v):
    """y and lse: a tile brings a larger maximum, or more to the sums, which are then shrunk to the maximum."""
    top, total, y = np.full((LENGTH, 1), -np.inf), np.zeros((LENGTH, 1)), np.zeros_like(v)
    for i, j in TILES:
        rows, keys = slice(i, i + BLOCK), slice(j, j + BLOCK)
        s = scores(q[rows], k[keys], i, j)
        highest = np.maximum(top[rows], s.max(-1, keepdims=True))
        shrunk, p = np.exp(top[rows] - highest), np.exp(s - highest)
        top[rows], total[rows] = highest, shrunk * total[rows] + p.sum(-1, keepdims=True)
        y[rows] = shrunk * y[rows] + p @ v[keys]
    return y / total, top + np.log(total)


def backward(q, k, v, y, lse, y_bar):
    """The three cotangents, each tile of p computed again."""
    q_bar, k_bar, v_bar = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
    delta = (y_bar * y).sum(-1, keepdims=True)
    for i, j in TILES:
        rows, keys = slice(i, i + BLOCK), slice(j, j + BLOCK)
        p = np.exp(scores(q[rows], k[keys], i, j) - lse[rows])
        s_bar = p * (y_bar[rows] @ v[keys].T - delta[rows]) / np.sqrt(FEATURES)
        q_bar[rows] += s_bar @ k[keys]
        k_bar[keys] += s_bar.T @ q[rows]
        v_bar[keys] += p.T @ y_bar[rows]
    return q_bar, k_bar, v_bar


def by_rule(q, k, v):
    """The library's rule, which does the same in one compiled loop."""
    return fn.rules.dot_product_attention(q, k, v, is_causal=True)


def by_autodiff(q, k, v):
    """The formula, whose backward pass JAX derives: it keeps the weights."""
    s = jnp.einsum("bthd,bshd->bhts", q, k) / np.sqrt(q.shape[-1])
    p = jax.nn.softmax(jnp.where(np.tri(q.shape[1], dtype=bool), s, -jnp.inf), axis=-1)
    return jnp.einsum("bhts,bshd->bthd", p, v)


def gradients(attention, q, k, v, y_bar):
    """The cotangents of one head: attention takes [batch, length, heads, features]."""
    apart = lambda a: a[None, :, None]
    bars = jax.vjp(attention, *map(apart, (q, k, v)))[1](apart(y_bar))
    return [bar[0, :, 0] for bar in bars]


def temporary_bytes(attention, length):
    """What XLA sets aside for the gradients of four heads of 32 features, without running them."""
    like = jax.ShapeDtypeStruct((1, length, 4, 32), jnp.float32)
    loss = lambda q, k, v: jnp.sum(attention(q, k, v) ** 2)
    return jax.jit(jax.grad(loss, (0, 1, 2))).lower(like, like, like).compile().memory_analysis().temp_size_in_bytes


def draw(p, lse, memory):
    figure = Figure(figsize=(13, 4.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(4, 1, 4))
    image = left.imshow(np.where(p > 0, p, np.nan), norm="log", vmin=1e-3)
    figure.colorbar(image, ax=left)
    for i, j in TILES:
        left.add_patch(Rectangle((j - 0.5, i - 0.5), BLOCK, BLOCK, fill=False, edgecolor="white"))
    left.add_patch(Rectangle((BLOCK - 0.5, 2 * BLOCK - 0.5), BLOCK, BLOCK, fill=False, edgecolor="red", linewidth=3))
    left.set(
        title="never stored: p, a weight for each pair\n(one tile at a time, in red)", xlabel="key", ylabel="query"
    )
    image = middle.imshow(lse, cmap="magma", aspect="auto")
    figure.colorbar(image, ax=middle)
    middle.set(title="stored: lse, one\nnumber a query", xticks=[], yticks=[])
    for name, sizes in memory.items():
        right.loglog(LENGTHS, np.array(sizes) / 2**20, marker="o", label=name)
    right.set(title="memory of the gradients of four heads, MiB", xlabel="length")
    right.set_xticks(LENGTHS, [f"{n:,}" for n in LENGTHS], minor=False)
    right.set_xticks([], minor=True)
    right.set_yticks(ticks := [4, 16, 64, 256, 1024], [f"{n:,}" for n in ticks])
    right.legend()
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=150)


def main():
    rng = np.random.default_rng(0)
    q, k, v, y_bar = (rng.normal(size=(LENGTH, FEATURES)) for _ in range(4))
    y, lse = forward(q, k, v)
    by_hand = backward(q, k, v, y, lse, y_bar)

    print("The largest difference from autodiff's cotangents, in float64:")
    expected = gradients(by_autodiff, q, k, v, y_bar)
    errors = {"by hand": by_hand, "the rule": gradients(by_rule, q, k, v, y_bar)}
    errors = {name: [np.abs(a - b).max() for a, b in zip(bars, expected, strict=True)] for name, bars in errors.items()}
    for name, (q_error, k_error, v_error) in errors.items():
        print(f"  {name:9} q {q_error:.0e}   k {k_error:.0e}   v {v_error:.0e}")

    ways = {"autodiff": by_autodiff, "the rule": by_rule}
    found = {(name, n): temporary_bytes(ways[name], n) for name, n in tqdm([*product(ways, LENGTHS)], desc="compiled")}
    memory = {name: [found[name, n] for n in LENGTHS] for name in ways}
    print("Temporary MiB of the gradients, by length:", *LENGTHS)
    for name, sizes in memory.items():
        print(f"  {name:9}", *(f"{size / 2**20:8.1f}" for size in sizes))
    draw(np.exp(scores(q, k) - lse), lse, memory)
    print(f"Picture: {PICTURE}")

    assert max(map(max, errors.values())) < 1e-12
    assert memory["autodiff"][-1] > 3.5 * memory["autodiff"][-2]  # four times for twice the length
    assert memory["the rule"][-1] < 2.2 * memory["the rule"][-2]
    assert memory["the rule"][-1] < memory["autodiff"][-1] / 10


if __name__ == "__main__":
    main()
