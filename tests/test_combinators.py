"""Combinators thread parameters, shapes, keys and training; errors carry the path of the layer."""

import jax
import jax.numpy as jnp
import pytest

import funcnn as fn
from tests.helpers.judge import assert_close

X = jnp.linspace(-1, 1, 12).reshape(4, 3)
KEY = jax.random.key(0)


def noisy(seen):
    """A layer that records what it is given."""

    def apply(params, x, *, key=None, training=False):
        seen.append((key, training))
        return x

    return fn.Layer(lambda key, x: (), apply)


def test_serial_is_composition():
    f, g = fn.linear(5), fn.linear(2)
    model = fn.serial(f, fn.tanh, g)
    params = model.init(KEY, X)
    assert isinstance(params, tuple)
    assert params[1] == ()
    assert_close(model.apply(params, X), g.apply(params[2], fn.tanh(f.apply(params[0], X))), 0.0)


def test_names_are_paths():
    model = fn.serial(body=fn.serial(fn.linear(5), fn.relu), head=fn.linear(2))
    leaves = jax.tree_util.tree_leaves_with_path(model.init(KEY, X))
    paths = [jax.tree_util.keystr(path, simple=True, separator=".") for path, _ in leaves]
    assert paths == ["body.0.b", "body.0.w", "head.b", "head.w"]


def test_shapes_are_inferred_from_a_shape_alone():
    shape = jax.ShapeDtypeStruct(X.shape, X.dtype)
    model = fn.serial(fn.linear(5), fn.relu, fn.linear(2))
    assert_close(model.init(KEY, shape), model.init(KEY, X), 0.0)


def test_parallel_gives_every_branch_the_same_input():
    f = fn.linear(5)
    model = fn.parallel(f, fn.tanh)
    params = model.init(KEY, X)
    assert_close(model.apply(params, X), (f.apply(params[0], X), fn.tanh(X)), 0.0)
    assert set(fn.parallel(a=f, b=fn.tanh).apply({"a": params[0], "b": ()}, X)) == {"a", "b"}


def test_residual_adds_its_input():
    f = fn.serial(fn.linear(3), fn.tanh)
    params = fn.residual(f).init(KEY, X)
    assert_close(fn.residual(f).apply(params, X), X + f.apply(params, X), 0.0)


def test_residual_adds_no_lengths():
    block = fn.residual(lambda inputs: inputs)
    assert_close(block.apply((), {"x": X, "lengths": jnp.arange(3)}), {"x": 2 * X, "lengths": jnp.arange(3)}, 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("remat", [False, True])
def test_repeat_is_the_loop(remat):
    block = fn.residual(fn.serial(fn.linear(3), fn.tanh))
    model = fn.repeat(block, 4, remat=remat)
    params = model.init(KEY, X)
    assert params[0]["w"].shape == (4, 3, 3)

    def loop(params, x):
        for i in range(4):
            x = block.apply(jax.tree.map(lambda leaf, i=i: leaf[i], params), x)
        return x

    assert_close(model.apply(params, X), loop(params, X), 1e-14)
    grads = [jax.grad(lambda p, f=f: jnp.sum(f(p, X) ** 2))(params) for f in (model.apply, loop)]
    assert_close(*grads, 1e-13)
    assert len({float(w) for w in params[0]["w"][:, 0, 0]}) == 4


F, G = fn.linear(3), fn.linear(5)
BLOCK = fn.serial(F, fn.tanh, fn.dropout(0.5), G)


def in_single_precision(params, x, **options):
    single, double = (lambda tree, dtype=dtype: jax.tree.map(lambda a: a.astype(dtype), tree) for dtype in ("f4", "f8"))
    return double(BLOCK.apply(single(params), single(x), **options))


WRITTEN_OUT = {  # a model, and the same function of the same parameters without the combinator
    "branches": (fn.serial(lambda x: {"f": x, "g": 2 * x}, fn.branches(g=G, f=F)),
                 lambda p, x, **_: {"f": F.apply(p[1]["f"], x), "g": G.apply(p[1]["g"], 2 * x)}),
    "remat": (fn.remat(BLOCK), BLOCK.apply),
    "mixed": (fn.mixed(BLOCK, jnp.float32), in_single_precision),
    "shared in a row": (fn.shared(lambda f: fn.serial(f, fn.tanh, f, G), F), lambda p, x, **_: G.apply(
        p["rest"][3], F.apply(p["shared"], fn.tanh(F.apply(p["shared"], x))))),
    "shared side by side": (fn.shared(lambda f: fn.parallel(f, fn.serial(fn.tanh, f)), F), lambda p, x, **_: (
        F.apply(p["shared"], x), F.apply(p["shared"], fn.tanh(x)))),
    "shared in a loop": (fn.shared(lambda f: fn.repeat(fn.residual(f), 2), F), lambda p, x, **_: (
        lambda y: y + F.apply(p["shared"], y))(x + F.apply(p["shared"], x))),
    "shared, used otherwise": (fn.shared(lambda f, back: fn.serial(f, fn.tanh, back), G, lambda p, y: y @ p["w"].T),
                               lambda p, x, **_: fn.tanh(G.apply(p["shared"], x)) @ p["shared"]["w"].T),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN_OUT)
def test_value_and_gradients_are_those_of_the_function_written_out(name):
    model, written_out = WRITTEN_OUT[name]
    params = model.init(KEY, X)
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {X.dtype}

    def value_and_gradients(apply):
        apply = jax.tree_util.Partial(apply, key=KEY, training=True)
        y, pull = jax.vjp(apply, params, X)
        return y, pull(jax.tree.map(jnp.cos, y))

    assert_close(value_and_gradients(model.apply), value_and_gradients(written_out), 1e-14)


def test_shared_parameters_are_drawn_once():
    params = fn.shared(lambda f: fn.serial(G, fn.repeat(f, 3)), fn.linear(5)).init(KEY, X)
    assert jax.tree.map(jnp.shape, params) == {
        "rest": ({"b": (5,), "w": (3, 5)}, ()), "shared": {"b": (5,), "w": (5, 5)}}  # fmt: skip
    assert params["shared"]["w"].dtype == X.dtype


def test_the_result_of_mixed_has_the_dtype_of_what_comes_in():
    ids, model = jnp.array([[1, 2]]), fn.mixed(fn.serial(fn.embedding(3, 4), fn.softmax))
    assert model.apply(model.init(KEY, ids), ids).dtype == jnp.float32
    seen = []
    fn.mixed(lambda x: seen.append(x) or x).apply((), {"x": X, "ids": ids})
    assert jax.tree.map(lambda a: a.dtype.name, seen) == [{"x": "bfloat16", "ids": "int64"}]
    assert fn.mixed(lambda ids: jnp.ones(ids.shape, jnp.bfloat16)).apply((), ids).dtype == jnp.bfloat16


def test_remat_saves_the_input_only():
    deep = fn.serial(*[fn.tanh] * 5)
    saved = lambda f: sum(a.size for a in jax.tree.leaves(jax.vjp(lambda x: f.apply(deep.init(KEY, X), x), X)[1]))
    assert saved(fn.remat(deep)) == X.size < saved(deep) / 4


def test_a_summary_counts_shared_parameters_once():
    found = fn.summary(fn.shared(lambda f: fn.serial(f, fn.repeat(f, 2)), fn.linear(3)), X)
    assert [(row.path, row.parameters, row.rules) for row in found.rows] == [
        ("", 12, ("linear",)), ("0", 0, ("linear",)), ("1", 0, ("linear",))]  # fmt: skip


WRAPPED = [
    *[
        fn.serial,
        fn.parallel,
        fn.residual,
        fn.remat,
        fn.mixed,
        lambda f: fn.repeat(f, 1),
        lambda f: fn.shared(fn.serial, f),
    ],
    lambda f: fn.serial(lambda x: (x,), fn.branches(f)),
]


@pytest.mark.parametrize("wrap", WRAPPED)
def test_key_and_training_reach_every_layer(wrap):
    seen = []
    model = wrap(noisy(seen))
    params = model.init(KEY, X)
    seen.clear()
    model.apply(params, X, key=KEY, training=True)
    model.apply(params, X)
    assert seen[0][0] is not None
    assert seen[0][1] is True
    assert seen[-1] == (None, False)


def test_every_layer_gets_a_key_of_its_own():
    seen = []
    fn.serial(noisy(seen), noisy(seen)).apply(((), ()), X, key=KEY)
    assert (jax.random.key_data(seen[0][0]) != jax.random.key_data(seen[1][0])).any()


def test_inputs_may_be_pytrees():
    model = fn.serial(lambda x: {"sum": x["a"] + x["b"]}, lambda x: x["sum"], fn.linear(2))
    x = {"a": X, "b": X}
    assert model.apply(model.init(KEY, x), x).shape == (4, 2)


BAD = [
    (lambda: fn.serial(3), TypeError, "a layer must be a Layer or a function x -> y, got int"),
    (lambda: fn.serial(fn.linear(2), head=fn.tanh), TypeError, "all positional or all named"),
    (lambda: fn.serial(fn.relu, fn.linear), TypeError, r"layer 1: linear makes a layer: call it, as in linear\(\.\.\.\)"),
    (lambda: fn.serial(a=fn.serial(fn.batch_norm)), TypeError, r"layer 0: batch_norm makes a layer: call it"),
    (lambda: fn.residual(fn.serial), TypeError, "serial makes a layer: call it"),
    (lambda: fn.serial([fn.relu, fn.tanh]), TypeError, "layer 0: a layer must be .*, got list: pass several one by one"),
    (lambda: fn.serial(fn.tanh, fn.leaky_relu(0.1)), TypeError, r"layer 1: .* ArrayImpl: .* by partial\(softmax, axis=1\)"),
    (lambda: fn.serial(a=fn.serial(fn.tanh, fn.linear(2))).init(KEY, X.astype(int)), TypeError,
     r"layer a.0: tanh: x must be a floating-point array, got int64\[4, 3\]"),
    (lambda: fn.serial(a=fn.serial(fn.linear(2))).apply({"a": ({"w": jnp.ones((2, 2))},)}, X), ValueError,
     r"layer a.0: linear: w must be \[3, m\] to follow x \[4, 3\], got float64\[2, 2\]"),
    (lambda: fn.serial(fn.tanh, fn.linear(2)).apply(({},), X), ValueError, "params must be a tuple of 2, got tuple of 1"),
    (lambda: fn.shared(fn.serial, fn.linear(2)).apply(None, X), ValueError,
     r"shared: params must be a dict of \['rest', 'shared'\], got NoneType"),
    (lambda: fn.serial(a=fn.tanh).apply({"b": ()}, X), ValueError, r"params must be a dict of \['a'\], got dict of"),
    (lambda: fn.serial(fn.linear(2)).init(None, X), TypeError, r"key must be a jax.random.key, got None"),
    (lambda: fn.linear(2).init(None, X), TypeError, r"key must be a jax.random.key, got None"),
    (lambda: fn.residual(fn.linear(2)).apply({"w": jnp.ones((3, 2))}, X), ValueError, "residual: the layer must return"),
    (lambda: fn.residual(lambda x: x).apply((), jnp.arange(3)), TypeError,
     r"residual: x must have a floating-point array, got int64\[3\]"),
    (lambda: fn.repeat(fn.linear(2), 3).init(KEY, X), ValueError, "repeat: the layer must return its input's type"),
    (lambda: fn.serial(lambda x: fn.linear(2)).init(KEY, X), TypeError, "<lambda> makes a layer"),
    (lambda: fn.branches(fn.tanh, fn.relu).init(KEY, X), ValueError, r"x must be a tuple of 2, got float64\[4, 3\]"),
    (lambda: fn.branches(a=fn.tanh).apply({"a": ()}, {"b": X}), ValueError, r"x must be a dict of \['a'\], got dict"),
    (lambda: fn.mixed(fn.tanh, int), TypeError, "mixed: dtype must be floating, got <class 'int'>"),
    (lambda: fn.shared(lambda f: fn.tanh, F).init(KEY, X), ValueError, "shared: place must put the layer into the model"),
    (lambda: fn.shared(lambda f, use: fn.serial(use, f), F, lambda p, x: x).init(KEY, X), ValueError,
     "layer 0: shared: place must put the layer into the model, before any other use of its parameters"),
    (lambda: fn.repeat(fn.tanh, 0), ValueError, "repeat: n must be a positive int, got 0"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_a_bad_call_says_what_and_where(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
