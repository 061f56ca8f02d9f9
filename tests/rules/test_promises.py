"""What every rule keeps, for every rule and every example of the catalogue: R1 … R8 by the numbers of the design.

R6 is in `test_second_order`, and R7 in `test_forward_mode`. The rule's reference is differentiated by autodiff, cotangents
are random, and everything is compared element by element.
"""

from functools import cache
from itertools import chain, combinations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

import funcnn as fn
from funcnn.rules._catalogue import Example, catalogue, draw, residual_bytes
from funcnn.rules._catalogue._entry import array_names
from tests.helpers.judge import assert_close, headed, largest_error

SEED = 20261124
CASES = [
    pytest.param(entry, example, id=f"{entry.name}-{i}", marks=[pytest.mark.slow] * (example is not entry.typical))
    for entry in catalogue.values()
    for i, example in enumerate(entry.examples)
]
RULES = [pytest.param(entry, id=entry.name) for entry in catalogue.values()]


def float_args(args):
    return [i for i, a in enumerate(args) if a is not None and jnp.issubdtype(a.dtype, jnp.floating)]


def of_floats(f, args):
    """f as a function of its floating arguments alone, and these."""
    places = float_args(args)

    def g(*floats):
        full = list(args)
        for i, a in zip(places, floats, strict=True):
            full[i] = a
        return f(*full)

    return g, tuple(args[i] for i in places)


def float_names(entry, args):
    """The names that the rule gives to its floating arguments."""
    return [array_names(entry.rule)[i] for i in float_args(args)]


def by_name(entry, args, found):
    """A value and its cotangents by their names: what a message is headed by."""
    y, bars = found
    return {"value": y} | {f"{name}_bar": bar for name, bar in zip(float_names(entry, args), bars, strict=True)}


def cotangents(like, seed=SEED + 1):
    """Random arrays of the shapes and dtypes of a pytree, other ones than `draw` makes of the same shapes."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda a: jnp.asarray(rng.normal(size=a.shape), a.dtype), like)


def value_and_bars(f, args, y_bar=None):
    """f's value, and its floating arguments' cotangents for y_bar, a random one by default."""
    return values_and_bars([f], args, y_bar)[0]


def values_and_bars(fs, args, y_bar=None):
    """The same of several functions, in one program."""
    gs = [of_floats(f, args)[0] for f in fs]
    floats = [args[i] for i in float_args(args)]

    def run(floats, y_bar):
        pairs = [jax.vjp(g, *floats) for g in gs]
        return [(y, vjp(y_bar)) for y, vjp in pairs]

    return jax.jit(run)(floats, cotangents(jax.eval_shape(gs[0], *floats)) if y_bar is None else y_bar)


@cache
def truth(name, i):
    """Value and cotangents of a rule's reference on its i-th example, in float64: several promises ask for them."""
    _, reference, args = two_sides(catalogue[name], catalogue[name].examples[i])
    return value_and_bars(reference, args)


def two_sides(entry, example, dtype=jnp.float64):
    """The rule, its reference, and arguments."""
    return entry.bind(example.options), entry.bind(example.options, reference=True), draw(example, SEED, dtype)


@pytest.mark.parametrize(("entry", "example"), CASES)
def test_value_and_every_cotangent_equal_the_reference(entry, example):  # R1, R2
    rule, _, args = two_sides(entry, example)
    found, undifferentiated = jax.jit(lambda *args: (value_and_bars(rule, args), rule(*args)))(*args)
    expected = truth(entry.name, entry.examples.index(example))
    assert_close(found[0], expected[0], 1e-12, "value")
    assert_close(by_name(entry, args, found), by_name(entry, args, expected), 1e-10)
    assert_close(undifferentiated, expected[0], 1e-12, "value outside of differentiation")


@pytest.mark.slow
@pytest.mark.parametrize("entry", RULES)
def test_edges_have_their_declared_values(entry):  # R3
    for edge in entry.edges:
        args = tuple(None if a is None else jnp.asarray(a) for a in edge.args)
        rule = entry.bind(edge.options)
        y, bars = value_and_bars(rule, args, jax.tree.map(jnp.ones_like, rule(*args)))
        assert_close(
            y,
            tuple(map(jnp.asarray, edge.y)) if isinstance(edge.y, tuple) else jnp.asarray(edge.y),
            1e-12,
            f"{edge}: value",
        )
        declared = [edge.bars[i] for i in float_args(args)]
        for name, bar, expected in zip(float_names(entry, args), bars, declared, strict=True):
            if expected is not None:
                assert_close(bar, jnp.asarray(expected), 1e-12, f"{edge}: {name}_bar")


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
@pytest.mark.parametrize("entry", RULES)
def test_half_precision_is_no_worse_than_autodiff(entry, dtype):  # R4
    for example in entry.examples[-4:]:
        half_precision_is_no_worse(entry, example, dtype)


def half_precision_is_no_worse(entry, example, dtype):
    rule, reference, args = two_sides(entry, example, dtype)
    exact = jax.tree.map(lambda a: a.astype(jnp.float64) if jnp.issubdtype(a.dtype, jnp.floating) else a, args)
    y_bar = cotangents(jax.eval_shape(rule, *args))
    truth = value_and_bars(reference, exact, jax.tree.map(lambda a: a.astype(jnp.float64), y_bar))
    by_rule, by_autodiff = values_and_bars([rule, fn.verify.without_rules(rule)], args, y_bar)
    sides = [by_name(entry, args, side) for side in (by_rule, by_autodiff, truth)]
    for (path, a), b, c in zip(jax.tree.leaves_with_path(sides[0]), *map(jax.tree.leaves, sides[1:]), strict=True):
        where = headed(entry.name, jax.tree_util.keystr(path, simple=True, separator=": "))
        typed = jnp.float32 if entry.wide and path[0].key == "value" else dtype
        assert a.dtype == typed, f"{where}dtype {a.dtype}, expected {typed.__name__}"
        ours, theirs = largest_error(a, c), largest_error(b, c)
        message = f"{where}relative error {ours:.1e} in {dtype.__name__}, by autodiff {theirs:.1e}"
        assert ours <= max(theirs, 2 * float(jnp.finfo(dtype).eps)), message


def first(stacked):
    return jax.tree.map(lambda a: a[0], stacked)


def stack(trees):
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


TRANSFORMS = {
    "jit": jax.jit,
    "remat": jax.checkpoint,
    "cond": lambda f: lambda *args: lax.cond(True, f, lambda *args: jax.tree.map(jnp.zeros_like, f(*args)), *args),
    "scan": lambda f: lambda *args: first(lax.scan(lambda c, _: (c, f(*args)), None, length=1)[1]),
}


@pytest.mark.slow
@pytest.mark.parametrize("entry", RULES)
def test_transformed_is_the_same(entry):  # R5
    for i, example in enumerate(entry.examples[:3]):
        rule, _, args = two_sides(entry, example)
        found = values_and_bars([transform(rule) for transform in TRANSFORMS.values()], args)
        expected = by_name(entry, args, truth(entry.name, i))
        for name, got in zip(TRANSFORMS, found, strict=True):
            assert_close(by_name(entry, args, got), expected, 1e-10, name)


def subsets(n):
    """Of two arguments all subsets; of more each alone, and all together (`verify.check` goes through the rest)."""
    sizes = range(1, n + 1) if n < 3 else (1, n)
    return chain.from_iterable(combinations(range(n), k) for k in sizes)


@pytest.mark.slow
@pytest.mark.parametrize("entry", RULES)
def test_vmap_over_any_arguments_is_the_loop(entry):  # R5
    for example in entry.examples[:2]:
        rule, reference, _ = two_sides(entry, example)
        several = [draw(example, seed, jnp.float64) for seed in range(3)]
        present = [i for i, a in enumerate(example.args) if a is not None]
        for mapped in subsets(len(present)):
            mapped = [present[i] for i in mapped]
            axes = tuple(0 if i in mapped else None for i in range(len(example.args)))
            args = tuple(jnp.stack([s[i] for s in several]) if i in mapped else a for i, a in enumerate(several[0]))

            def loop(*args, mapped=mapped, reference=reference):
                each = [[a[j] if i in mapped else a for i, a in enumerate(args)] for j in range(3)]
                return stack([reference(*a) for a in each])

            found = values_and_bars([jax.vmap(rule, axes), loop], args)
            got, expected = (by_name(entry, args, side) for side in found)
            assert_close(got, expected, 1e-10, f"vmap over {mapped} of {example}")


@pytest.mark.slow
@pytest.mark.parametrize("entry", RULES)
def test_shard_map_over_any_arguments_is_the_loop(entry):  # R5, with check_vma
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
    example = entry.examples[0] if entry.examples[0].shapes[0] else entry.examples[1]
    rule, reference, _ = two_sides(entry, example)
    several = [draw(example, seed, jnp.float64) for seed in range(8)]
    present = [i for i, a in enumerate(example.args) if a is not None]
    y = jax.eval_shape(reference, *several[0])
    y_bars = cotangents(jax.tree.map(lambda y: jax.ShapeDtypeStruct((8, *y.shape), y.dtype), y))
    for sharded in subsets(len(present)):
        sharded = [present[i] for i in sharded]
        args = tuple(jnp.stack([s[i] for s in several]) if i in sharded else a for i, a in enumerate(several[0]))
        specs = tuple(P("data") if i in sharded else P() for i in range(len(args)))

        def bars(y_bar, *args, sharded=sharded):
            local = [a[0] if i in sharded else a for i, a in enumerate(args)]
            g, floats = of_floats(rule, local)
            bars = jax.vjp(g, *floats)[1](first(y_bar))
            return tuple(b[None] if i in sharded else b for i, b in zip(float_args(local), bars, strict=True))

        out_specs = tuple(specs[i] for i in float_args(args))
        got = jax.jit(jax.shard_map(bars, mesh=mesh, in_specs=(P("data"), *specs), out_specs=out_specs))(y_bars, *args)

        def loop(*args, sharded=sharded):
            each = [[a[j] if i in sharded else a for i, a in enumerate(args)] for j in range(8)]
            return stack([reference(*a) for a in each])

        expected = value_and_bars(loop, args, y_bars)[1]
        for name, a, b in zip(float_names(entry, args), got, expected, strict=True):
            assert_close(a, b, 1e-10, f"shard_map over {sharded}: {name}_bar")


@pytest.mark.slow
@pytest.mark.parametrize("entry", RULES)
def test_explicit_mesh_is_the_same(entry):  # R5
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Explicit,))
    example = next(e for e in entry.examples if len(e.shapes[0]) >= 2 and e.options.get("axis", -1) == -1)
    wide = Example(
        tuple(eight_rows(a) if i in entry.batched else a for i, a in enumerate(example.args)), example.options
    )
    rule, reference, args = two_sides(entry, wide)
    y_bar = cotangents(jax.eval_shape(reference, *args))
    expected = value_and_bars(reference, args, y_bar)
    with jax.set_mesh(mesh):
        rows, whole = NamedSharding(mesh, P("data")), NamedSharding(mesh, P())
        args = tuple(
            a if a is None else jax.device_put(a, rows if i in entry.batched else whole) for i, a in enumerate(args)
        )
        y_bar = jax.tree.map(lambda bar, y: jax.device_put(bar, y.sharding), y_bar, rule(*args))
        got = value_and_bars(rule, args, y_bar)
    got, expected = (by_name(entry, args, jax.device_get(side)) for side in (got, expected))
    assert_close(got, expected, 1e-10)


def eight_rows(described):
    """The same argument with a leading axis of 8."""
    if isinstance(described, tuple) and hasattr(described, "shape"):
        return described._replace(shape=(8, *described.shape[1:]))
    return (8, *described[1:])


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize(("entry", "example"), CASES)
def test_it_saves_what_it_declares_to_the_byte(entry, example, dtype):  # R8
    rule, _, args = two_sides(entry, example, dtype)
    g, floats = of_floats(rule, args)
    y, vjp = jax.eval_shape(lambda *floats: jax.vjp(g, *floats), *floats)
    saved = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(vjp))
    declared = residual_bytes(entry, args, y, example.options)
    said = f"its entry declares {declared} (saves={entry.saves})"
    assert saved == declared, f"{entry.name} saves {saved} bytes for these arguments, {said}"


@pytest.mark.slow
@pytest.mark.parametrize("entry", [rule for rule in RULES if rule.values[0].linear])
def test_the_backward_pass_is_linear_in_its_cotangent(entry):
    rule, _, args = two_sides(entry, entry.examples[1])
    y_bar = cotangents(jax.eval_shape(rule, *args))
    times = lambda k, bars: jax.tree.map(lambda a: k * a, bars)
    g, floats = of_floats(rule, args)
    pull = jax.jit(lambda y_bar, floats: jax.vjp(g, *floats)[1](y_bar))
    once, other, none = (pull(times(k, y_bar), floats) for k in (1.0, -4.0, 0.0))
    assert_close(other, times(-4.0, once), 0.0, "for -4 y_bar")
    assert_close(none, jax.tree.map(jnp.zeros_like, once), 0.0, "for 0 y_bar")
