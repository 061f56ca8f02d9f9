"""Custom rules under a `jax.vmap` over examples: one call on all of them, which knows each example's squared norms."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

from ... import rules
from ..._intercept import Handler, Rule, handing, in_order, name_of, sparing_jaxs
from ._formulas import KNOWN, UNKNOWN, Known, square_of
from ._single_use import Slot, marked


def marking(token: jax.Array) -> Handler:
    """A handler that marks each floating-point argument of each rule, for `slots_of`.

    It reads the token wherever `squaring` does, so that JAX keeps and forgets the same traces of functions inside.
    """

    def meet(call: "_Call") -> Any:
        _require_independent(call)
        number = call.number
        return call([marked(a, token, (number, i)) if _is_floating(a) else a for i, a in enumerate(call.arrays)])

    return _each_call(meet)


def squaring(slots: list[Slot | None], token: jax.Array) -> Handler:
    """A handler that adds to the token's cotangent the squared norms of the cotangents in these slots.

    Args:
      slots: those of a program that was traced alike under `marking`.
      token: a number, of which each example has its own.
    """

    def meet(call: "_Call") -> Any:
        asked = tuple({slot[1] for slot in slots if slot is not None and slot[0] == call.number})

        @custom_vmap
        def each(token, arrays):
            del token
            return call(arrays)

        @each.def_vmap
        def on_all(n, batched, token, arrays):
            _, batched = batched
            y = handing(None, _squared)(_Batch(call, n, tuple(batched), asked), token, arrays)
            return y, jax.tree.map(lambda _: True, y)

        return each(token, call.arrays)

    return _each_call(meet)


def _each_call(meet: Callable[["_Call"], Any]) -> Handler:
    count = iter(range(10**9))

    def handler(rule: Rule, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not isinstance(rule, jax.custom_vjp):
            return handing(None, rule)(*args, **kwargs)
        return meet(_called(rule, args, kwargs, next(count)))

    return sparing_jaxs(handler)


@dataclass(frozen=True, eq=False)
class _Call:
    """One call of a rule: a function of the arrays among its arguments.

    Attributes:
      rule: the rule.
      arrays: of all arguments that the rule differentiates.
      places: for each array the number of its argument.
      rebuild: ``rebuild(arrays) -> args``.
      number: of the call in the program.
    """

    rule: Rule
    arrays: list[Any]
    places: tuple[int, ...]
    rebuild: Callable[[Any], tuple[Any, ...]]
    number: int

    def __call__(self, arrays: Any) -> Any:
        return handing(None, self.rule)(*self.rebuild(arrays))


def _called(rule: Rule, args: tuple[Any, ...], kwargs: dict[str, Any], number: int) -> _Call:
    args = in_order(rule, args, kwargs)
    leaves, tree = jax.tree.flatten(args)
    argument = [i for i, a in enumerate(args) for _ in jax.tree.leaves(a)]
    moving = [k for k, a in enumerate(leaves) if hasattr(a, "dtype") and argument[k] not in rule.nondiff_argnums]

    def rebuild(arrays: Any) -> tuple[Any, ...]:
        full = list(leaves)
        for k, a in zip(moving, arrays, strict=True):
            full[k] = a
        return jax.tree.unflatten(tree, full)

    return _Call(rule, [leaves[k] for k in moving], tuple(argument[k] for k in moving), rebuild, number)


@dataclass(frozen=True, eq=False)
class _Batch:
    """A call for n examples, each array ``[n, ...]`` if it is batched, or one for all."""

    call: _Call
    n: int
    batched: tuple[bool, ...]
    asked: tuple[int, ...]

    @property
    def known(self) -> Known:
        return KNOWN.get(self.call.rule, UNKNOWN)

    def __call__(self, *arrays: Any) -> Any:
        """The rule's value for each example: by one call on all rows, if only rows differ between examples."""
        rows = self._rows(arrays)
        if not any(rows) or any(of_all and not row for row, of_all in zip(rows, self.batched, strict=True)):
            return self.map(self.call)(list(arrays))
        each = zip(arrays, self.batched, rows, strict=True)
        y = self.call([self._together(a, of_all) if row else a for a, of_all, row in each])
        return y.reshape(self.n, len(y) // self.n, *y.shape[1:])

    def _rows(self, arrays):
        """For each array whether it holds rows along its first axis."""
        one = lambda a, of_all: jax.ShapeDtypeStruct(a.shape[of_all:], a.dtype)
        numbers = self.known.rows(self.call.rebuild(map(one, arrays, self.batched)))
        return [number in numbers for number in self.call.places]

    def _together(self, a, of_all):
        a = a if of_all else jnp.broadcast_to(a, (self.n, *a.shape))
        return a.reshape(self.n * a.shape[1], *a.shape[2:])

    def map(self, f: Callable[..., Any], *more: Any) -> Callable[..., Any]:
        """f of one example's arrays, and more of each example, mapped over all of them."""
        return partial(jax.vmap(f, (([0 if of_all else None for of_all in self.batched]), *more), axis_size=self.n))

    def squares(self, arrays: Any, y_bar: Any) -> jax.Array:
        """The squared norms ``[n]`` of each example's own cotangents of the arrays asked for, added up."""

        def of_one(arrays, y_bar):
            return sum((self._square(i, arrays, y_bar) for i in self.asked), jnp.zeros(()))

        return self.map(of_one, 0)(list(arrays), y_bar)

    def _square(self, i, arrays, y_bar):
        formula = self.known.squares.get(self.call.places[i], lambda args, y_bar: None)
        square = formula(self.call.rebuild(arrays), y_bar)
        if square is None:
            only = lambda a: self.call([a if k == i else other for k, other in enumerate(arrays)])
            square = square_of(jax.vjp(only, arrays[i])[1](y_bar))
        return square.astype(float)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _squared(batch: _Batch, token, arrays):
    """The call's value, whose backward pass is the rule's own, and gives the token the squared norms."""
    return _squared_fwd(batch, token, arrays)[0]


def _squared_fwd(batch, token, arrays):
    del token
    return batch(*arrays), arrays


def _squared_bwd(batch, arrays, y_bar):
    bars = jax.vjp(batch, *arrays)[1](y_bar)
    return batch.squares(arrays, y_bar), [bar if _is_floating(a) else None for bar, a in zip(bars, arrays, strict=True)]


_squared.defvjp(_squared_fwd, _squared_bwd)


def _is_floating(a):
    return jnp.issubdtype(a.dtype, jnp.inexact)


def _require_independent(call: _Call) -> None:
    """Raise ValueError for a rule that mixes the examples of a batch."""
    x = call.arrays[0]
    if call.rule is rules.batch_norm or (call.rule is rules.info_nce and x.ndim == 2):
        raise ValueError(
            f"{name_of(call.rule)} mixes the examples of a batch, so that no gradient is one example's own: "
            "group_norm and layer_norm do not"
        )
