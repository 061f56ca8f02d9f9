r"""einsum over one weight: any contraction of an array with a weight, as an equation has it.

Forward, Σ over the indices that are not in the result
    y = Σ x w                            e.g. "...d,dhk->...hk": x [..., d]   w [d, h, k]   y [..., h, k]

Backward
    x_bar = Σ y_bar w                    over the indices that x does not have: "...hk,dhk->...d"
    w_bar = Σ x y_bar                    over the indices that w does not have: "...d,...hk->dhk"

Derivation
    y is linear in each argument: dy = Σ dx w + Σ x dw. ⟨y_bar, Σ dx w⟩ is the sum of y_bar dx w over all indices. Summed
    first over those that x does not have, it is ⟨Σ y_bar w, dx⟩. In the same way ⟨y_bar, Σ x dw⟩ is ⟨Σ x y_bar, dw⟩, summed
    first over those that w does not have. Every index of an argument is in the other one or in the result, so that both
    sums are contractions of two arrays again.

Residuals
    x and w, which the caller holds anyway.

Edges
    The map is smooth. A sum over an empty axis is 0. Half precision is accumulated in float32 and rounded once.

Accuracy
    einsum: value within 2 ulp, cotangents within 2.5; in half precision 0.51 and 0.51;
        at random and adversarial points.

Source
    Einstein, "Die Grundlage der allgemeinen Relativitätstheorie", 1916, section 5: the convention.

What the rule gives beyond autodiff: no speed. The backward pass of a contraction is a contraction, and here is which.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import describe, require_shape, shapes
from .._common._cotangent import cotangent, placement
from .._common._precision import widen


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def einsum(x: Array, w: Array, equation: str) -> Array:
    """The contraction of an array with one weight.

    Args:
      x: floating, of the equation's first term.
      w: of the second term, and of x's dtype.
      equation: as `jax.numpy.einsum` has it, with two terms and an arrow: ``"...d,dhk->...hk"``. ``...`` may stand in the
        first term and the result. Every index of x is in w or in the result, every index of w in x or in the result.

    Returns:
      The equation's result, of x's dtype.

    Raises:
      TypeError: an argument is not floating, or not of x's dtype.
      ValueError: the equation is not of that form, or does not fit the shapes.

    Example:
      >>> rules.einsum(jnp.ones((2, 5, 6)), jnp.ones((6, 3, 4)), "...d,dhk->...hk").shape
      (2, 5, 3, 4)
    """
    return einsum_fwd(x, w, equation)[0]


def einsum_fwd(x, w, equation):
    shapes("einsum", x=(x, "*x"), w=(w, "*w"))
    ix, iw, iy = indices_of(equation, x, w)
    return contract(f"{ix},{iw}->{iy}", x, w).astype(x.dtype), (x, w)


def einsum_bwd(equation, residuals, y_bar):
    x, w = residuals
    ix, iw, iy = indices_of(equation, x, w)
    x_bar = contract(f"{iy},{iw}->{ix}", y_bar, w, like=x)
    w_bar = contract(f"{ix},{iy}->{iw}", x, y_bar, like=w)
    return cotangent(x_bar, x), cotangent(w_bar, w)


einsum.defvjp(einsum_fwd, einsum_bwd)


def einsum_reference(x, w, equation):
    """Both arrays spread over all indices, multiplied, and summed over those that do not stay."""
    ix, iw, iy = indices_of(equation, x, w)
    gone = "".join(i for i in ix if i not in iy)
    every = iy + gone

    def spread(a, indices):
        order = sorted(range(a.ndim), key=lambda axis: every.index(indices[axis]))
        return jnp.transpose(a, order).reshape([a.shape[indices.index(i)] if i in indices else 1 for i in every])

    return jnp.sum(spread(x, ix) * spread(w, iw), axis=tuple(range(len(iy), len(every))))


def contract(equation, *arrays, like=None):
    """The contraction, accumulated in float32 at least; placed on an Explicit mesh as ``like`` is.

    Indices that stand side by side wherever they stand are taken as one. Between matrices a product's transpose needs no
    copy: XLA exchanges its arguments.
    """
    placed = None if like is None else placement(like)
    terms = equation.replace("->", ",").split(",")
    sizes = {i: n for term, a in zip(terms[:-1], arrays, strict=True) for i, n in zip(term, a.shape, strict=True)}
    shape = [sizes[i] for i in terms[-1]]
    for i, j in reversed([term[k : k + 2] for term in terms for k in range(len(term) - 1)]):
        together = all(i + j in term or not {i, j} & {*term} for term in terms)
        if j in sizes and together and placement(arrays[0]) is None:
            sizes[i] *= sizes.pop(j)
            terms = [term.replace(i + j, i) for term in terms]
    arrays = [a.reshape([sizes[i] for i in term]) for term, a in zip(terms[:-1], arrays, strict=True)]
    product = f"{','.join(terms[:-1])}->{terms[-1]}"
    wide = widen(arrays[0]).dtype
    return jnp.einsum(product, *arrays, preferred_element_type=wide, out_sharding=placed).reshape(shape)


def unused_letters(n, taken):
    """n letters that are not taken."""
    return "".join([c for c in map(chr, range(ord("a"), ord("z") + 1)) if c not in taken][:n])


def indices_of(equation, x, w):
    """The indices of x, of w and of the result, with letters for the dots.

    Raises:
      TypeError, ValueError: see `einsum`.
    """
    if not isinstance(equation, str):
        raise TypeError(f"einsum: equation must be a string like '...d,dhk->...hk', got {describe(equation)}")
    terms, _, result = equation.replace(" ", "").partition("->")
    match = (*terms.split(","), result)
    plain = [term.replace("...", "", 1) for term in match]
    dotted = [term != bare for term, bare in zip(match, plain, strict=True)]
    letters = all(bare.isalpha() or not bare for bare in plain)
    if "->" not in equation or len(match) != 3 or not letters or dotted[1] or dotted[0] != dotted[2]:
        raise ValueError(f"einsum: equation must be like '...d,dhk->...hk', got {equation!r}")
    named = len(plain[0])
    dots = unused_letters(max(jnp.ndim(x) - named, 0), equation)
    ix, iw, iy = (term.replace("...", dots) for term in match)
    for name, indices, others in (("x", ix, iw + iy), ("w", iw, ix + iy), ("the result", iy, ix + iw)):
        if len({*indices}) < len(indices) or not {*indices} <= {*others}:
            raise ValueError(
                f"einsum: equation must have each index of {name} once, and elsewhere too, got {equation!r}"
            )
    sizes = {}
    for name, a, indices in (("x", x, ix), ("w", w, iw)):
        fits = jnp.ndim(a) == len(indices) and all(
            sizes.setdefault(i, n) == n for i, n in zip(indices, jnp.shape(a), strict=True)
        )
        require_shape("einsum", name, a, f"of the sizes of {equation!r}", fits)
    return ix, iw, iy
