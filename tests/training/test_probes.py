"""Probes tell norms and the first non-finite number by layer, and without them the program is as if there were none."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import funcnn as fn
from funcnn.training._step import plain_step

KEY, LOSS, OPTIMIZER = jax.random.key(0), fn.losses.squared_error, optax.sgd(0.1)
X, Y = np.random.default_rng(0).normal(size=(2, 8, 3))
BLOCK = fn.residual(fn.serial(up=fn.linear(5), act=fn.tanh, down=fn.linear(3)))


def step_with(model, probes=True):
    state = fn.TrainState.create(model, OPTIMIZER, KEY, X)
    return state, fn.make_step(model, LOSS, OPTIMIZER, donate=False, probes=probes)


@jax.custom_vjp
def broken_backward(x):
    return x


broken_backward.defvjp(lambda x: (x, None), lambda _, g: (g / 0,))
overflowing = lambda x: x + 1e308 + 1e308


@pytest.mark.slow
def test_off_the_program_is_that_of_gradient_and_update():
    model = fn.serial(stem=fn.linear(3), body=fn.repeat(BLOCK, 2), head=fn.linear(3))
    state = fn.TrainState.create(model, OPTIMIZER, KEY, X)
    plain = plain_step(model, LOSS, OPTIMIZER)

    def off(state, batch):
        return plain.take(state, batch)[0].params

    def by_hand(state, batch):
        loss = lambda params: LOSS(model.apply(params, batch[0], key=KEY, training=True), batch[1])
        updates, _ = OPTIMIZER.update(jax.grad(loss)(state.params), state.opt_state, state.params)
        return optax.apply_updates(state.params, updates)

    programs = []
    for take in (off, by_hand):
        take.__name__ = take.__qualname__ = "take"
        compiled = jax.jit(take).lower(state, (X, Y)).compile()
        text = re.sub(
            r", metadata=\{[^}]*\}", "", compiled.as_text()
        )  # without the places in the source, and their tables
        programs.append([line for line in text.splitlines() if re.match(r"\s+(ROOT )?%", line)])
    assert len(programs[0]) > 20
    assert programs[0] == programs[1]


@pytest.mark.slow
@pytest.mark.parametrize("remat", [False, True])
def test_norms_by_layer_and_nothing_changed(remat):
    model = fn.serial(flat=jnp.negative, body=fn.repeat(BLOCK, 3, remat=remat), head=fn.linear(3))
    state, step = step_with(model)
    after, metrics = step(state, (X, Y))
    plain, _ = step_with(model, probes=False)[1](state, (X, Y))
    assert all(map(np.array_equal, *map(jax.tree.leaves, (after.params, plain.params))))
    gradient = jax.grad(lambda params: LOSS(model.apply(params, X), Y))(state.params)
    layers = {"body.up": gradient["body"]["up"], "body.down": gradient["body"]["down"], "head": gradient["head"]}
    for path, leaves in layers.items():
        assert float(metrics[f"gradient_norm.{path}"]) == pytest.approx(float(optax.tree.norm(leaves)))
    marks = {name: int(a) for name, a in metrics.items() if name.startswith("nonfinite")}
    assert set(marks) == {f"nonfinite_{k}.{p}" for k in ("output", "cotangent") for p in (*layers, "body.act")}
    assert not any(marks.values())


FAULTS = {
    "the output of layer odd first": fn.serial(stem=fn.linear(3), odd=overflowing, also=fn.linear(3)),
    "the output of layer body.odd first": fn.serial(
        stem=fn.linear(3), body=fn.repeat(fn.serial(a=fn.linear(3), odd=overflowing), 2, remat=True), also=fn.linear(3)
    ),
    "the cotangent of layer body.a's output first": fn.serial(
        stem=fn.linear(3), body=fn.repeat(fn.serial(a=fn.linear(3), broken=broken_backward), 2), head=fn.linear(3)
    ),
}


def test_what_reaches_no_loss_is_counted_and_no_large_number_is():
    model = fn.serial(a=fn.linear(3), huge=lambda x: 1e308 + x, lost=lambda x: -2 * x, act=fn.relu, head=fn.linear(3))
    state, step = step_with(model)
    _, metrics = step(state, (X, Y))
    assert jnp.isfinite(metrics["loss"])
    assert [name for name, a in metrics.items() if name.startswith("nonfinite") and a] == ["nonfinite_output.lost"]


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [None, 4])
@pytest.mark.parametrize("where", FAULTS)
def test_fit_names_the_layer(where, batch_size):
    options = {"epochs": 2, "key": KEY, "batch_size": batch_size, "progress": False, "probes": True}
    with pytest.raises(fn.NonFiniteError, match=where):
        fn.fit(FAULTS[where], LOSS, OPTIMIZER, (X, Y), **options)


@pytest.mark.slow
def test_the_history_has_them_by_layer():
    model = fn.serial(fn.linear(3), fn.tanh, fn.linear(3))
    _, history = fn.fit(model, LOSS, OPTIMIZER, (X, Y), epochs=3, key=KEY, batch_size=4, progress=False, probes=True)
    assert history["gradient_norm.2"].shape == history["nonfinite_output.1"].shape == (3,)
    assert not history["nonfinite_output.1"].any()
    both = [history[f"gradient_norm.{i}"] for i in (0, 2)]
    assert (history["gradient_norm"] >= np.maximum(*both)).all()
