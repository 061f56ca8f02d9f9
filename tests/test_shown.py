"""A layer prints as the call that made it, a state as its shapes, and a rule's help begins with the call."""

import ast
import inspect
import pydoc
import re
from functools import partial

import jax
import jax.numpy as jnp
import optax
import pytest

import funcnn as fn

MADE = """
linear(2)
linear(2, bias=False)
scale_shift(shift=False)
bilinear(3)
einsum('...d,dh->...h', (4, 3))
embedding(10, 4)
as_layer(tanh)
conv(16, (3, 3), stride=2)
conv_transpose(16, 3)
depthwise_conv(2, 3, padding='VALID')
dropout(0.5)
spatial_dropout(0.1)
drop_path(0.2)
gaussian_noise(0.1)
prelu(per_feature=True)
snake()
layer_norm(eps=0.1)
rms_norm()
batch_norm()
group_norm(4)
instance_norm(scale=True)
weight_norm(linear(2))
spectral_norm(conv(4, 3), iterations=3)
residual(tanh)
serial(linear(8), relu, linear(2))
repeat(residual(linear(3)), 4, remat=True)
serial(body=linear(2), head=parallel(mean=linear(1), variance=softplus))
serial()
parallel(tanh, relu)
branches(tanh, relu)
remat(tanh)
mixed(linear(2))
shared(serial, linear(2))
attention(4, causal=True, rope={'base': 500000.0})
mlp(8)
gated_mlp(8, tile=2)
transformer_block(attention(2), mlp(8), norm=rms_norm())
transformer(transformer_block(attention(2), mlp(8)), 3)
gpt(50, 8, layers=2, heads=4)
encoder(50, 8, layers=2, heads=4)
decoder(50, 8, layers=2, heads=4, cross=True)
encoder_decoder(encoder(5, 8, 1, 2), decoder(5, 8, 1, 2, cross=True))
learned_positions(8)
sinusoidal_positions(scale=0.5)
rnn(8, activation='relu')
gru(8, return_sequence=False)
lstm(8, dropout=0.2)
bidirectional(lstm, 8)
""".strip().splitlines()


def test_a_layer_prints_as_the_call_that_made_it():
    for text in MADE:
        assert repr(eval(text, dict(vars(fn)))) == text


def test_every_constructor_is_printed():
    annotated = {name for name, f in vars(fn).items() if getattr(f, "__annotations__", {}).get("return") is fn.Layer}
    assert annotated == {text.partition("(")[0] for text in MADE}


def test_a_long_call_has_an_argument_a_line():
    def doubled(x):
        return 2 * x

    body = fn.serial(fn.linear(100, w_init=fn.initializers.orthogonal()), partial(fn.leaky_relu, negative_slope=0.1))
    assert str(fn.serial(body=fn.residual(body), twice=doubled, head=fn.linear(jnp.ones(2).size))) == (
        "serial(\n"
        "  body=residual(\n"
        "    serial(linear(100, w_init=orthogonal.init), partial(leaky_relu, negative_slope=0.1)),\n"
        "  ),\n"
        "  twice=test_a_long_call_has_an_argument_a_line.doubled,\n"
        "  head=linear(2),\n"
        ")"
    )


def test_a_layer_of_ones_own_prints_its_functions():
    def apply(params, x, *, key=None, training=False):
        return params * x

    assert repr(fn.Layer(jnp.zeros_like, apply)).startswith("Layer(zeros_like, test_a_layer")


def test_a_state_prints_its_shapes():
    state = fn.TrainState.create(fn.linear(2), optax.sgd(0.1, momentum=0.9), jax.random.key(0), jnp.ones((4, 3)))
    text = repr(state)
    assert text.splitlines() == [
        "TrainState",
        "  params.b             float64[2]",
        "  params.w             float64[3, 2]",
        "  opt_state.0.trace.b  float64[2]",
        "  opt_state.0.trace.w  float64[3, 2]",
        "  key                  key<fry>[]",
        "  step                 int32[]",
        "  position.epoch       int32[]",
        "  position.batch       int32[]",
    ]
    assert repr(jax.eval_shape(lambda: state)) == text
    jax.tree.map(lambda leaf: leaf.delete(), state)  # as a step does that its state was donated to
    assert repr(state) == text
    assert "  step            int\n" in repr(state._replace(opt_state=None, step=3))


def test_help_on_a_rule_shows_the_call_and_the_docstring():
    rules = {name: rule for name, rule in vars(fn.rules).items() if isinstance(rule, jax.custom_vjp)}
    assert len(rules) > 70
    for name, rule in rules.items():
        shown = pydoc.plain(pydoc.render_doc(rule, renderer=pydoc.plaintext)).splitlines()
        first = shown.index(next(line for line in shown if line.startswith(f"    {name}(")))
        call = ast.parse(shown[first].strip(), mode="eval").body
        names = [a.id for a in call.args] + [k.arg for k in call.keywords]
        assert names == list(inspect.signature(rule).parameters), name
        assert shown[first + 2].strip() == inspect.getdoc(rule.__wrapped__).splitlines()[0], name
        assert "0x" not in shown[first]


@pytest.mark.parametrize(
    ("call", "usage"),
    [
        (lambda: fn.relu(), "relu itself, or partial(relu, option=...)"),
        (lambda: fn.softmax(axis=1), "softmax itself, or partial(softmax, axis=1)"),
        (lambda: fn.max_pool(window=(2, 2)), "max_pool itself, or partial(max_pool, window=(2, 2))"),
    ],
)
def test_a_rule_called_as_if_it_made_a_layer_says_how_a_model_takes_it(call, usage):
    with pytest.raises(TypeError, match=re.escape(f"missing a required argument: 'x': in a model stands {usage}")):
        call()
