r"""Division by a length: rows of length 1, weights as a length times a direction, weights by their largest singular value.

Forward, ‖·‖ and ⟨·,·⟩ over the axis for l2_normalize, over all axes but the last for weight_norm
    l2_normalize    y = x / max(‖x‖, eps)
    weight_norm     w = g v / ‖v‖                        v, w [..., out]   g [out]
    spectral_norm   y = w / max(σ, eps), σ = vᵀ W u      w, y [..., out]   u [out]   W: w as a matrix [n, out]
                    u <- Wᵀ W u / ‖Wᵀ W u‖, as often as there are iterations; then v = W u / ‖W u‖

Backward
    l2_normalize    x_bar = (y_bar - y ⟨y, y_bar⟩) / ‖x‖; where ‖x‖ ≤ eps, y_bar / eps
    weight_norm     g_bar = ⟨d, w_bar⟩     v_bar = g (w_bar - d ⟨d, w_bar⟩) / ‖v‖, with d = v / ‖v‖
    spectral_norm   w_bar = (y_bar - v uᵀ Σ y y_bar) / σ; where σ ≤ eps, y_bar / eps. u and v are constants: u_bar = 0.

Derivation
    d‖x‖ = ⟨y, dx⟩ with y = x / ‖x‖, so dy = (dx - y ⟨y, dx⟩) / ‖x‖, a projection, which is its own transpose.
    dσ = vᵀ dW u, so dy = (dW - y vᵀ dW u) / σ and ⟨y_bar, dy⟩ = ⟨y_bar - v uᵀ ⟨y, y_bar⟩, dW⟩ / σ. Where u and v are the
    singular vectors this is σ's whole derivative: σ is at its largest there, so that theirs adds nothing.

Residuals
    The arguments, which the caller holds anyway, and the inverse lengths: one float32 a row, or one for each of out.
    spectral_norm: w, and u, v and 1 / σ in float32: n + out + 1 numbers.

Edges
    l2_normalize: a row of zeros gives y = 0 and x_bar = y_bar / eps (beyond float16's range for eps below 2e-5); at
    ‖x‖ = eps the inner branch holds. inf makes NaN of itself and of its row's x_bar; NaN of its row. weight_norm: v = 0
    has no direction: w = 0, with cotangents 0. spectral_norm: where W u = 0, y = w / eps; where Wᵀ W u = 0, u stays.
    No square overflows or underflows; only a length above 8e37 in float32 counts as infinite, one below 1e-38 as 0. The
    second order of l2_normalize is NaN where 1 / ‖x‖² overflows.

Source
    Salimans & Kingma, "Weight normalization", 2016, eqs. 2 and 3; Miyato et al., "Spectral normalization for generative
    adversarial networks", 2018, section 2.1, algorithm 1 and eq. 12. The eps of l2_normalize is torch's.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from .._common._checks import require_floating, require_number, require_same_dtype, require_shape
from .._common._cotangent import cotangent
from .._common._length import direction
from .._common._precision import as_row, widen
from ._weight_norm import _all_but_out


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def spectral_norm(w: Array, u: Array, iterations: int = 1, eps: float = 1e-12) -> tuple[Array, Array]:
    """Divide a weight by its largest singular value, as power iteration from ``u`` has it.

    Args:
      w: ``[..., out]``, seen as a matrix with ``out`` columns, floating.
      u: ``[out]``, where to start: anything but 0, of w's dtype. It gets no gradient.
      iterations: how often to improve u; 0 takes its direction as it is.
      eps: the smallest divisor; above 0.

    Returns:
      The normalised weight, and the u of length 1 that it was made with: to start from the next time, or to repeat this
      result with, in 0 iterations. The estimate never exceeds the largest singular value; it is exact where u is its
      vector.

    Raises:
      TypeError, ValueError: dtypes, shapes or options are not these.
    """
    return spectral_norm_fwd(w, u, iterations, eps)[0]


def spectral_norm_fwd(w, u, iterations, eps):
    _check_spectral(w, u, iterations, eps)
    w32 = widen(w)
    u32 = lax.stop_gradient(_power_iteration(w32, widen(u), iterations))
    image = _times(w32, u32)
    v = lax.stop_gradient(direction(image, None))
    sigma = jnp.sum(v * image)
    r = 1 / jnp.where(sigma <= eps, eps, sigma)
    return ((w32 * r).astype(w.dtype), u32.astype(u.dtype)), (w, u32, v, r)


def spectral_norm_bwd(iterations, eps, residuals, bars):
    del iterations
    w, u, v, r = residuals
    y, y_bar = widen(w) * r, widen(bars[0])
    along = v * as_row(u, w) * jnp.sum(y * y_bar)
    w_bar = r * (y_bar - jnp.where(r < 1 / eps, along, 0))
    return cotangent(w_bar, w), None


spectral_norm.defvjp(spectral_norm_fwd, spectral_norm_bwd)


def spectral_norm_reference(w, u, iterations=1, eps=1e-12):
    """By powers of the Gram matrix; what the paper holds constant is held constant."""
    rows = w.reshape(w.size // max(w.shape[-1], 1), w.shape[-1])
    u = jnp.linalg.matrix_power(rows.T @ rows, iterations) @ u
    u = lax.stop_gradient(u / jnp.sqrt(u @ u))
    v = lax.stop_gradient(rows @ u)
    sigma = jnp.einsum("ni,n,i->", rows, v / jnp.sqrt(v @ v), u)
    return w / jnp.maximum(sigma, eps), u


def _power_iteration(w, u, iterations):
    u = direction(u, None)
    for _ in range(iterations):
        better = direction(jnp.sum(w * direction(_times(w, u), None), _all_but_out(w)), None)
        u = jnp.where(jnp.any(better != 0), better, u)
    return u


def _times(w, u):
    """W u, with an axis of size 1 in place of ``out``."""
    return jnp.sum(w * as_row(u, w), -1, keepdims=True)


def _check_spectral(w, u, iterations, eps):
    rule = "spectral_norm"
    require_floating(rule, w=w, u=u)
    require_shape(rule, "w", w, "[..., out]", w.ndim >= 1)
    require_shape(rule, "u", u, f"{list(w.shape[-1:])} to follow w {list(w.shape)}", u.shape == w.shape[-1:])
    require_same_dtype(rule, w=w, u=u)
    if not isinstance(iterations, int) or isinstance(iterations, bool) or iterations < 0:
        raise ValueError(f"{rule}: iterations must be an int, 0 or more, got {iterations!r}")
    require_number(rule, "eps", eps, "above 0", eps > 0)
