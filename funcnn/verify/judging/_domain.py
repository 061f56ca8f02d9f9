"""Sets in which an argument lies: symmetric matrices, the simplex, an interval. Points and directions stay there.

On such a set a rule is right if its cotangent and the true one agree as linear forms of the directions that stay in it.
So both are projected onto the tangent space before they are compared, and finite differences go along it.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from ._point import Floats

LARGE = 64  # rows of a matrix, from which on no eigenvalues are asked for
_CONDITION = 1e3  # of a positive definite matrix that is made
_LEAST = 1e-9  # of a number of the simplex that is made

Shape = tuple[int, ...]


class Domain(NamedTuple):
    """A set of arrays, the same for each leading index.

    Attributes:
      name: as users have it.
      holds: ``holds(a, slack)``, whether a lies in it but for rounding; slack is 0 or more.
      project: ``project(a)`` lies in it.
      tangent: ``tangent(a, bar)``, the cotangent's orthogonal projection onto the directions at a that stay in it.
      retract: ``retract(a)``, for an a a small tangent step away from it; NaN where that has left it.
      fits: whether arrays of a shape may lie in it.
      thin: whether an array that is rounded has left it.
    """

    name: str
    holds: Callable[[np.ndarray, float], bool]
    project: Callable[[np.ndarray], np.ndarray]
    tangent: Callable[[Any, Any], Any] = lambda a, bar: bar
    retract: Callable[[np.ndarray], np.ndarray] = lambda a: a
    fits: Callable[[Shape], bool] = lambda shape: True
    thin: bool = False


def _transposed(a: Any) -> Any:
    return a.swapaxes(-1, -2)


def _symmetrised(a: Any) -> Any:
    return (a + _transposed(a)) / 2


def _close(a: np.ndarray, b: np.ndarray | float, slack: float) -> bool:
    return bool(np.all(np.abs(a - b) <= slack * np.maximum(1e-30, np.abs(a).max(initial=0))))


def _is_symmetric(a: np.ndarray, slack: float) -> bool:
    return _close(a, _transposed(a), slack)


def _is_positive_definite(a: np.ndarray, slack: float) -> bool:
    if not (np.isfinite(a).all() and _is_symmetric(a, slack)):
        return False
    return bool((np.linalg.eigvalsh(_symmetrised(a)) > 0).all())


def _positive_definite(a: np.ndarray) -> np.ndarray:
    """The matrix with its eigenvalues' sizes; of a large one, a multiple of the identity is added."""
    a = _symmetrised(np.where(np.isfinite(a), a, 1.0))
    n = a.shape[-1]
    if n > LARGE:
        return a / n + np.eye(n) * (np.abs(a).max(initial=0) or 1.0)
    sizes, vectors = np.linalg.eigh(a)
    top = np.abs(sizes).max(axis=-1, keepdims=True, initial=0)
    sizes = np.maximum(np.abs(sizes), np.where(top > 0, top / _CONDITION, 1.0))
    return _symmetrised((vectors * sizes[..., None, :]) @ _transposed(vectors))


def _on_simplex(a: np.ndarray) -> np.ndarray:
    sizes = np.abs(np.where(np.isfinite(a), a, 0.0)) + np.finfo(np.float64).tiny
    shares = np.maximum(sizes / sizes.sum(-1, keepdims=True), _LEAST)
    return shares / shares.sum(-1, keepdims=True)


def _on_sphere(a: np.ndarray) -> np.ndarray:
    a = np.where(np.isfinite(a).all(-1, keepdims=True) & (a != 0).any(-1, keepdims=True), a, 1.0)
    a = a / np.abs(a).max(-1, keepdims=True)
    return a / np.sqrt(np.sum(a * a, -1, keepdims=True))


def _orthogonal(a: np.ndarray) -> np.ndarray:
    left, _, right = np.linalg.svd(np.where(np.isfinite(a), a, 1.0), full_matrices=False)
    return left @ right


def _increasing(a: np.ndarray) -> np.ndarray:
    """The numbers in order, and apart from each other where two are equal."""
    a = np.sort(np.where(np.isfinite(a), a, 0.0), -1)
    apart = 1e-3 * (1 + np.abs(a).max(-1, keepdims=True)) * np.arange(a.shape[-1])
    return np.where((np.diff(a) > 0).all(-1, keepdims=True), a, a + apart)


def _triangle(a: Any, upper: bool) -> Any:
    mask = np.tri(a.shape[-2], a.shape[-1], dtype=bool)
    where = np.where if isinstance(a, np.ndarray) else jnp.where
    return where(mask.T if upper else mask, a, 0.0).astype(a.dtype)


def _square(shape: Shape) -> bool:
    return len(shape) > 1 and shape[-1] == shape[-2]


def _row(shape: Shape) -> bool:
    return len(shape) > 0 and shape[-1] > 0


def between(low: float | None, high: float | None) -> Domain:
    """The numbers between two bounds, neither included; None is no bound."""
    least, most = -np.inf if low is None else low, np.inf if high is None else high
    # Infinity is a number of an interval without a bound on that side.
    inside = lambda a: ((a > least) | (low is None)) & ((a < most) | (high is None)) & ~np.isnan(a)
    if low is None or high is None:
        bound = most if low is None else least
        side = 1.0 if high is None else -1.0
        folded, middle = (lambda a: bound + side * np.abs(a - bound)), bound + side
    else:
        width = most - least
        folded = lambda a: least + width * np.abs((((a - least) / width + 1) % 2) - 1)
        middle = least + width / 2

    def project(a: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            moved = np.where(inside(a), a, folded(a))
        return np.where(inside(moved), moved, middle)

    name = f"between {'any' if low is None else f'{low:g}'} and {'any' if high is None else f'{high:g}'}"
    return Domain(
        name, lambda a, slack: bool(inside(a).all()), project, retract=lambda a: np.where(inside(a), a, np.nan)
    )


EVERYWHERE = Domain("any", lambda a, slack: True, lambda a: a)

_sums_to_one = lambda a, slack: bool((a >= 0).all()) and _close(a.sum(-1), 1.0, slack * a.shape[-1])
_has_length_one = lambda a, slack: _close(np.sum(a * a, -1), 1.0, slack)
_has_orthogonal_columns = lambda a, slack: bool(
    np.abs(_transposed(a) @ a - np.eye(a.shape[-1])).max(initial=0) <= slack * a.shape[-1]
)
_increases = lambda a, slack: bool((np.diff(a) > 0).all())


def _triangular(name: str, upper: bool) -> Domain:
    project = lambda a: np.where(_triangle(np.ones(a.shape, bool), upper), a, 0.0)
    holds = lambda a, slack: bool(np.array_equal(project(a), a))
    return Domain(name, holds, project, lambda a, bar: _triangle(bar, upper), fits=lambda shape: len(shape) > 1)


SYMMETRIC = Domain("symmetric", _is_symmetric, _symmetrised, lambda a, bar: _symmetrised(bar), fits=_square)
POSITIVE_DEFINITE = Domain(
    "positive definite", _is_positive_definite, _positive_definite, lambda a, bar: _symmetrised(bar), fits=_square
)
SIMPLEX = Domain(
    "simplex",
    _sums_to_one,
    _on_simplex,
    lambda a, bar: bar - bar.mean(-1, keepdims=True),
    lambda a: np.where(a < 0, np.nan, a),
    _row,
    thin=True,
)
UNIT = Domain(
    "unit",
    _has_length_one,
    _on_sphere,
    lambda a, bar: bar - a * (a * bar).sum(-1, keepdims=True),
    _on_sphere,
    _row,
    thin=True,
)
ORTHOGONAL = Domain(
    "orthogonal",
    _has_orthogonal_columns,
    _orthogonal,
    lambda a, bar: bar - a @ _symmetrised(_transposed(a) @ bar),
    _orthogonal,
    lambda shape: len(shape) > 1 and shape[-2] >= shape[-1],
    thin=True,
)
INCREASING = Domain(
    "increasing",
    _increases,
    _increasing,
    retract=lambda a: np.where(_increases(a, 0), a, np.nan),
    fits=_row,
)
NAMED = {
    domain.name: domain
    for domain in (
        EVERYWHERE,
        SYMMETRIC,
        POSITIVE_DEFINITE,
        SIMPLEX,
        UNIT,
        ORTHOGONAL,
        INCREASING,
        _triangular("lower triangular", upper=False),
        _triangular("upper triangular", upper=True),
        between(0, None)._replace(name="positive"),
        between(0, 1)._replace(name="probability"),
    )
}


class Domains(NamedTuple):
    """The domain of each argument.

    Attributes:
      each: of them.
    """

    each: tuple[Domain, ...]

    @property
    def free(self) -> bool:
        """Whether every argument may be anything."""
        return all(domain is EVERYWHERE for domain in self.each)

    def project(self, floats: Sequence[np.ndarray]) -> Floats:
        """Inputs that lie in their domains, made of any; those that do lie there stay as they are."""
        if self.free:
            return tuple(floats)
        pairs = ((domain, a.astype(np.float64)) for domain, a in zip(self.each, floats, strict=True))
        return tuple(a if not a.size or domain.holds(a, 0.0) else domain.project(a) for domain, a in pairs)

    def tangent(self, floats: Sequence[Any], bars: Sequence[Any]) -> list[Any]:
        """Cotangents, or directions, of which only what stays in the domains is left; each of its own dtype."""
        columns = zip(self.each, floats, bars, strict=True)
        return [
            bar if domain is EVERYWHERE or not bar.size else domain.tangent(a.astype(bar.dtype), bar)
            for domain, a, bar in columns
        ]

    def retract(self, floats: Sequence[np.ndarray]) -> Floats:
        """Inputs near their domains brought back there; NaN where they have left them."""
        return tuple(domain.retract(a) if a.size else a for domain, a in zip(self.each, floats, strict=True))

    def moved(self, floats: Floats, there: Floats) -> Floats:
        """Inputs with a step towards others that stays in the domains; NaN where it has left them."""
        if self.free:
            return there
        steps = self.tangent(floats, [b - a for a, b in zip(floats, there, strict=True)])
        return self.retract([a + step for a, step in zip(floats, steps, strict=True)])

    def fit(self, shapes: Sequence[Shape]) -> bool:
        """Whether arrays of these shapes may lie in them."""
        return all(domain.fits(shape) for domain, shape in zip(self.each, shapes, strict=True))
