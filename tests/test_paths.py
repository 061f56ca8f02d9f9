"""Globs over the paths of leaves, as masks of optax."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import funcnn as fn

X = jnp.ones((4, 3))
MODEL = fn.serial(body=fn.serial(fn.linear(5), fn.batch_norm(), fn.tanh), head=fn.linear(2))
PARAMS = MODEL.init(jax.random.key(0), X)
PATHS = {"body.0.b", "body.0.w", "body.1.mean", "body.1.scale", "body.1.shift", "body.1.variance", "head.b", "head.w"}
STILL = ("**.mean", "**.variance", "**.scale", "**.shift", "**.b")


def named(mask):
    tree = jax.tree_util.tree_leaves_with_path(mask)
    return {jax.tree_util.keystr(path, simple=True, separator=".") for path, chosen in tree if chosen}


@pytest.mark.parametrize(("globs", "expected"), [
    ((), set()),
    (("**",), PATHS),
    (("head.w",), {"head.w"}),
    (("*.w",), {"head.w"}),
    (("**.w",), {"body.0.w", "head.w"}),
    (("body.**",), {path for path in PATHS if path.startswith("body")}),
    (("body.*.s*",), {"body.1.scale", "body.1.shift"}),
    (("body.?.[bw]", "head.b"), {"body.0.b", "body.0.w", "head.b"}),
    (("**.1.**.mean", "**.body.0.b.**"), {"body.1.mean", "body.0.b"}),
    (("mean", "w", "body", "*"), set()),
    (STILL, PATHS - {"body.0.w", "head.w"}),
])  # fmt: skip
def test_a_glob_names_leaves_and_its_inverse_all_others(globs, expected):
    assert named(fn.paths(*globs)(PARAMS)) == expected
    assert named((~fn.paths(*globs))(PARAMS)) == PATHS - expected
    assert ~~fn.paths(*globs) == fn.paths(*globs)


def test_the_tree_of_bools_has_the_structure_of_the_parameters():
    mask = fn.paths("**.b")(PARAMS)
    assert jax.tree.structure(mask) == jax.tree.structure(PARAMS)
    assert all(isinstance(leaf, bool) for leaf in jax.tree.leaves(mask))
    assert named(fn.paths("**.mean")({"mean": 1, "a": [None, {"mean": 2}]})) == {"mean", "a.1.mean"}
    assert fn.paths("**")(1.0) is True


def test_weight_decay_leaves_population_statistics_alone():
    decay = optax.add_decayed_weights(0.1, mask=~fn.paths(*STILL))
    ones = jax.tree.map(jnp.ones_like, PARAMS)
    updates, _ = decay.update(jax.tree.map(jnp.zeros_like, PARAMS), decay.init(ones), ones)
    assert {path for path, u in zip(sorted(PATHS), jax.tree.leaves(updates), strict=True) if u.any()} == {
        "body.0.w",
        "head.w",
    }
    assert np.allclose(updates["head"]["w"], 0.1)


def test_parts_are_frozen_by_path():
    optimizer = optax.partition({True: optax.set_to_zero(), False: optax.sgd(1.0)}, fn.paths("body.**"))
    updates, _ = optimizer.update(PARAMS, optimizer.init(PARAMS), PARAMS)
    assert named(jax.tree.map(jnp.any, updates)) == {"head.w"}


def test_a_glob_is_a_string():
    with pytest.raises(TypeError, match=r"paths: a glob must be a string such as '\*\*\.b', got \['a'\]"):
        fn.paths("b", ["a"])
