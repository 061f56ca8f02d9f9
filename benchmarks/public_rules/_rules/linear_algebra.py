"""Norms, products, determinants and decompositions: lineax, nifty8, folx, matfree, pennylane, flax, e3nn-jax, tfp."""

from typing import Any

from .._rule import Call, Rule, Slope
from ._calls import array, calling, definite, normal

VECTOR, ROWS = array(0.3, -1.2, 0.8), (((1,), (0,)), ((), ()))
NIFTY, DECOMP, TFP = (
    "nifty8/re/multi_grid/util.py",
    "matfree/decomp.py",
    "tensorflow_probability/substrates/jax/math/linalg.py",
)
SOLVE = "tensorflow_probability.substrates.jax.math.linalg"


def tridiagonal() -> Call:
    """Two steps of Lanczos on a symmetric matrix."""
    from matfree import decomp

    def f(a: Any, v: Any) -> Any:
        out = decomp.tridiag_sym(2, reortho="none")(lambda v, a: (a + a.T) @ v, v, a)
        return out.J_small, out.Q_tall

    return Call(f, (definite(3), VECTOR))


def hessenberg() -> Call:
    """Two steps of Arnoldi."""
    from matfree import decomp

    def f(a: Any, v: Any) -> Any:
        out = decomp.hessenberg(2, reortho="full")(lambda v, a: a @ v, v, a)
        return out.J_small, out.Q_tall

    return Call(f, (normal(3, 3), VECTOR))


def least_squares() -> Call:
    """Least squares by LSMR, whose solution is as exact as its tolerance."""
    from matfree import lstsq

    return Call(lambda a, b: lstsq.lsmr()(lambda v, a: a.T @ v, b, a)[0], (normal(4, 2), array(0.3, -1.2, 0.8, 0.4)))


def fidelity() -> Call:
    """The fidelity of two mixed states of one qubit, as a function of real vectors."""
    import jax.numpy as jnp
    import pennylane

    mixed = lambda v: (jnp.outer(v, v) * 0.8 / jnp.sum(v * v) + 0.1 * jnp.eye(2, dtype=v.dtype)) * (1 + 0j)
    f = lambda a, b: jnp.real(pennylane.math.fidelity(mixed(a), mixed(b)))
    return Call(f, (array(0.3, -1.2), array(0.7, 0.4)))


def max_norm() -> Call:
    """The largest element's size."""
    import lineax

    return Call(lineax.internal.max_norm, (VECTOR,))


def complex_abs() -> Call:
    """The size of complex numbers, by their parts."""
    import jax
    from folx import wrapped_functions

    return Call(
        lambda re, im: wrapped_functions.complex_abs(jax.lax.complex(re, im)), (array(0.3, -1.2), array(0.4, 0.1))
    )


def quantized() -> Call:
    """An input quantized to eight bits and back; the scale's and the history's cotangents are their new values."""
    import jax.numpy as jnp
    from flax.linen import fp8_ops

    f = lambda x, scale, history: fp8_ops.in_qdq(jnp.float32, jnp.float8_e4m3fn, x, scale, history)
    return Call(f, (normal(2, 3), array(1.0), array(0.0, 0.0, 0.0, 0.0)), {"surrogate": True})


RULES = (
    Rule("lineax", "lineax._norm._two_norm", "lineax/_norm.py", calling("lineax._norm:_two_norm", VECTOR)),
    Rule("lineax", "lineax._norm._zero_grad_at_zero", "lineax/_norm.py", max_norm),
    Rule("lineax", "lineax._misc._asarray", "lineax/_misc.py",
         calling("lineax._misc:_asarray", VECTOR, after=lambda f, x: f(x.dtype, x))),
    Rule("nifty8", "nifty8.re.multi_grid.util.solve", NIFTY,
         calling("nifty8.re.multi_grid.util:solve", definite(3), VECTOR, domain={"A": "positive definite"})),
    Rule("nifty8", "nifty8.re.multi_grid.util.sqrtm", NIFTY,
         calling("nifty8.re.multi_grid.util:sqrtm", definite(3), domain={"M": "positive definite"})),
    Rule("folx", "folx.slogdet.slogdet", "folx/slogdet.py", calling("folx.slogdet:slogdet", normal(3, 3))),
    Rule("folx", "folx.wrapped_functions.complex_abs", "folx/wrapped_functions.py", complex_abs, "fail",
         "NaN at 0", (Slope(([0.0], [0.0])),)),
    Rule("matfree", "matfree.decomp.tridiag_sym", DECOMP, tridiagonal),
    Rule("matfree", "matfree.decomp.hessenberg", DECOMP, hessenberg),
    Rule("matfree", "matfree.lstsq.lsmr", "matfree/lstsq.py", least_squares),
    Rule("pennylane", "pennylane.math.fidelity", "pennylane/math/fidelity.py", fidelity),
    Rule("flax", "flax.linen.fp8_ops.dot_general_with_precision", "flax/linen/fp8_ops.py",
         calling("flax.linen.fp8_ops:dot_general_with_precision", normal(2, 3), normal(3, 4, seed=1),
                 after=lambda f, a, b: f(a, b, ROWS))),
    Rule("flax", "flax.linen.fp8_ops.in_qdq", "flax/linen/fp8_ops.py", quantized),
    Rule("e3nn-jax", "e3nn_jax._src.utils.einsum.einsum", "e3nn_jax/_src/utils/einsum.py",
         calling("e3nn_jax._src.utils.einsum:einsum", normal(2, 3), normal(3, 4, seed=1),
                 after=lambda f, a, b: f("ij,jk->ik", a, b))),
    Rule("tfp-nightly", "tfp.math.hpsd_logdet", TFP, calling(f"{SOLVE}:hpsd_logdet", definite(3))),
    Rule("tfp-nightly", "tfp.math.hpsd_solve", TFP, calling(f"{SOLVE}:hpsd_solve", definite(3), normal(3, 2))),
)  # fmt: skip
