"""In which domain each argument lies: what the user says of it, or what example and function show."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from ._domain import EVERYWHERE, LARGE, NAMED, POSITIVE_DEFINITE, SIMPLEX, SYMMETRIC, UNIT, Domain, Domains, between
from ._point import Floats

Values = Callable[[Floats], Sequence[np.ndarray]]

_ROUNDINGS = 64  # by which an example may miss a set
_MANY = 8  # numbers that are hardly all positive by chance
_SAME = 1e-9  # of the largest value: a difference of rounding


def domains_of(
    names: Sequence[str], floats: Floats, said: Mapping[str, Any], values: Values, decomposes: Callable[[], bool]
) -> tuple[Domains, Domains]:
    """The domain of each argument, and the one that the example's lies in.

    A symmetric example alone is not enough: a rule that is right on symmetric matrices only would pass. A function that
    reads one triangle alone is meant for them.

    Args:
      names: of the arguments, ``x`` or ``params['w']``.
      floats: the example.
      said: a domain by an argument's name, or by the name of one that holds it.
      values: the function.
      decomposes: whether it decomposes matrices.

    Raises:
      ValueError: there is no such domain, or the example does not lie in it.
    """
    sure, seen = [], []
    doubles = tuple(a.astype(np.float64) for a in floats)
    for i, (name, a) in enumerate(zip(names, floats, strict=True)):
        key = next((key for key in said if _of(key, name)), None)
        shown = _shown(a) if key is None else _said(name, said[key], a)
        seen.append(shown)
        matrix = shown in (SYMMETRIC, POSITIVE_DEFINITE)
        meant = key is not None or (matrix and _reads_half(doubles, i, values, decomposes))
        sure.append(shown if meant else EVERYWHERE)
    return Domains(tuple(sure)), Domains(tuple(seen))


def _reads_half(floats: Floats, i: int, values: Values, decomposes: Callable[[], bool]) -> bool:
    """Whether the function reads one triangle of the i-th argument or, decomposing it, its symmetric part."""
    a, rng = floats[i], np.random.default_rng(0)
    moved = a * (1 + 0.01 * rng.uniform(-1, 1, a.shape))
    lower, upper = np.tril(moved), np.triu(moved)
    flipped = lambda half, strict: half + strict.swapaxes(-1, -2)
    halves = [flipped(lower, np.tril(moved, -1)), flipped(upper, np.triu(moved, 1))]
    if decomposes():
        halves.append((moved + moved.swapaxes(-1, -2)) / 2)
    at = lambda b: values((*floats[:i], b, *floats[i + 1 :]))
    try:
        here = at(moved)
        return any(all(map(_same, at(half), here)) for half in halves)
    except Exception:  # what the function refuses says nothing
        return False


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.isfinite(b).all()) and np.allclose(a, b, rtol=_SAME, atol=_SAME * np.abs(b).max(initial=0))


def check_names(names: Sequence[str], said: Mapping[str, Any]) -> None:
    """Raise ValueError where a domain is said of no argument."""
    for key in said:
        if not any(_of(key, name) for name in names):
            raise ValueError(f"domain must name floating-point arguments of f, {', '.join(names)}, got {key!r}")


def _of(key: str, name: str) -> bool:
    return name == key or (name.startswith(key) and name[len(key)] in "[.")


def _said(name: str, domain: Any, a: np.ndarray) -> Domain:
    """The domain that a user names, or gives by its bounds."""
    if isinstance(domain, tuple) and len(domain) == 2 and all(b is None or isinstance(b, (int, float)) for b in domain):
        low, high = domain
        if low is not None and high is not None and not low < high:
            raise ValueError(f"domain of {name} must have its lower bound first, got {domain!r}")
        found = EVERYWHERE if low is None and high is None else between(low, high)
    elif domain is None or (isinstance(domain, str) and domain in NAMED):
        found = NAMED[domain or EVERYWHERE.name]
    else:
        raise ValueError(f"domain of {name} must be (low, high), or one of {', '.join(NAMED)}, got {domain!r}")
    if not found.fits(a.shape) or not found.holds(a.astype(np.float64), _slack(a)):
        raise ValueError(f"domain says that {name} is {found.name}, and the example's {name} is not")
    return found


def _slack(a: np.ndarray) -> float:
    """How far rounding may have moved the example."""
    return _ROUNDINGS * float(jnp.finfo(a.dtype).eps)


def _shown(a: np.ndarray) -> Domain:
    """The domain of an example that does not lie there by chance, or as the usual first values of parameters do.

    Those are constant or diagonal; and orthogonal matrices are common, too.
    """
    slack, a = _slack(a), a.astype(np.float64)
    if not np.isfinite(a).all() or not a.size:
        return EVERYWHERE
    if SYMMETRIC.fits(a.shape) and a.shape[-1] > 1:
        beside = a[..., ~np.eye(a.shape[-1], dtype=bool)]
        if np.any(beside == 0) or (a.shape[-1] > 2 and np.all(beside == beside[..., :1])):
            return EVERYWHERE
        if a.shape[-1] <= LARGE and POSITIVE_DEFINITE.holds(a, slack):
            return POSITIVE_DEFINITE
        if SYMMETRIC.holds(a, slack):
            return SYMMETRIC
        if NAMED["orthogonal"].holds(a, slack):
            return EVERYWHERE
    if a.ndim and a.shape[-1] > 2 and (a > 0).all() and np.ptp(a) > 0 and SIMPLEX.holds(a, slack):
        return SIMPLEX
    uneven = a.ndim and a.shape[-1] > 1 and ((a != 0).sum(-1) > 1).all() and np.ptp(np.abs(a)) > 0
    if uneven and UNIT.holds(a, slack):
        return UNIT
    return NAMED["positive"] if a.size >= _MANY and (a > 0).all() and np.ptp(a) > 0 else EVERYWHERE
