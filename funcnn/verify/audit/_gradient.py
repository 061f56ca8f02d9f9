"""The program's own gradient: which rules it cannot get through, and which of their arguments it comes through."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jax.custom_derivatives import SymbolicZero

from ..._intercept import Handler, Rule, intercept
from .._errors import one_line
from .._without_rules import without_rules
from ..programs._evaluate import constants
from ._call import Call, inexact, is_inexact, take_apart
from ._nearby import noise
from ._sites import Site, meeting

# Raised by a rule that takes no traced values, or says that it does not do this; the judgement of the rule says so.
_REFUSALS = NotImplementedError, jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError


@dataclass
class Own:
    """What the gradient by the program's first argument does at its rules.

    Attributes:
      reached: for each site, the names of the arguments through which the first argument acts on the result.
      raised: what each rule raises on which the gradient fails.
      complete: whether there is such a gradient and it could be traced, so that nothing is missing in ``reached``.
    """

    reached: dict[Site, set[str]] = field(default_factory=dict)
    raised: dict[Site, str] = field(default_factory=dict)
    complete: bool = True

    def through(self, site: Site) -> frozenset[str] | None:
        """The arguments of a site through which the gradient comes; None where that is not known."""
        return frozenset(self.reached[site]) if self.complete and site in self.reached else None


def scalar_of(out: Any, seed: int) -> jax.Array:
    """A program's result where that is a number, else one made of it: what is differentiated."""
    out = inexact(out)
    if len(out) == 1 and out[0].shape == ():
        return out[0].real.astype(jnp.float32)
    return sum((jnp.sum((y * noise(y, seed)).real.astype(jnp.float32)) for y in out), jnp.zeros((), jnp.float32))


def gradient(f: Callable[..., Any], args: tuple[Any, ...], sites: Sequence[Site], seed: int, everything: bool) -> Own:
    """Trace `jax.grad` of a program as it is, and find the rules that keep it from running.

    Args:
      f: the program.
      args: its arguments. It is differentiated by the first.
      sites: where it calls rules.
      seed: of the made-up cotangent of a result that is not a scalar.
      everything: whether the rules that JAX ships are under test as well.
    """
    own, program = Own(), _Gradient(f, args, seed, everything)
    if not program.places:
        own.complete = False
        return own
    refused: set[Site] = set()
    while (error := program.fails({*sites} - refused, own.reached)) is not None:
        guilty = _guilty(program, [site for site in sites if site not in refused])
        if guilty is None:  # it fails without any rule as well
            own.complete = False
            break
        refused.add(guilty)
        error = program.fails({guilty}) or error
        if not isinstance(error, _REFUSALS) and (raised := program.raises({guilty})):
            own.raised[guilty] = raised
    return own


def _guilty(program: "_Gradient", sites: Sequence[Site]) -> Site | None:
    """One of the sites whose rule alone keeps the gradient from being traced."""
    while len(sites) > 1:
        half = sites[: len(sites) // 2]
        sites = half if program.fails(half) else sites[len(half) :]
    return sites[0] if sites and program.fails(sites) and not program.fails(()) else None


class _Gradient:
    """A program's gradient by its first argument, with some of its rules in place and the others taken out."""

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...], seed: int, everything: bool):
        self.f, self.rest, self.seed, self.everything = f, args[1:], seed, everything
        self.leaves, self.tree = jax.tree.flatten(args[:1])
        self.places = [i for i, leaf in enumerate(self.leaves) if is_inexact(leaf)]

    def fails(self, kept: Collection[Site], reached: dict[Site, set[str]] | None = None) -> Exception | None:
        """What it raises when it is traced; what it keeps of a trace that has ended counts too."""
        try:
            program = jax.make_jaxpr(self._of(kept, reached))(self._given())
        except Exception as error:
            return error
        if any(isinstance(constant, Tracer) for constant in constants(program)):
            return jax.errors.UnexpectedTracerError("a rule closes over a value of a trace that has ended")
        return None

    def raises(self, kept: Collection[Site]) -> str | None:
        """What it raises when it is run as it is, in a line."""
        try:
            jax.block_until_ready(self._of(kept, None)(self._given()))
        except Exception as error:
            return one_line(error)
        return None

    def _given(self) -> list[Any]:
        return [self.leaves[i] for i in self.places]

    def _of(self, kept: Collection[Site], reached: dict[Site, set[str]] | None) -> Callable[[list[Any]], Any]:
        def meet(site: Site, rule: Rule, args: tuple[Any, ...], kwargs: dict[str, Any], inner: Handler) -> Any:
            if site not in kept:
                return without_rules(rule.__wrapped__, everything=self.everything)(*args, **kwargs)
            if reached is None:
                return rule(*args, **kwargs)
            return _watched(take_apart(rule, args, kwargs), reached.setdefault(site, set()))

        def scalar(given: list[Any]) -> Any:
            full = list(self.leaves)
            for i, a in zip(self.places, given, strict=True):
                full[i] = a
            with intercept(meeting(meet, self.everything)):
                return scalar_of(self.f(*jax.tree.unflatten(self.tree, full), *self.rest), self.seed)

        return jax.grad(scalar)


def _watched(call: Call, reached: set[str]) -> Any:
    """Call a rule; the names of the arguments that are differentiated by are added to ``reached``."""
    given = [_watch(call.leaves[i], name, reached) for i, name in zip(call.given, call.names, strict=True)]
    return call.of(call.rule, [call.leaves[i] for i in call.rest])(given)


def _watch(a: Any, name: str, reached: set[str]) -> Any:
    if not isinstance(a, Tracer):
        return a  # a known number is not differentiated by
    identity = jax.custom_jvp(lambda a: a)

    def jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        if not isinstance(tangents[0], SymbolicZero):
            reached.add(name)
        return primals[0], tangents[0]

    identity.defjvp(jvp, symbolic_zeros=True)
    return identity(a)
