"""`fn.summary` counts what can be counted by hand, and draws and computes nothing."""

import jax
import jax.numpy as jnp
import pytest

import funcnn as fn
from funcnn._html import STYLE

pytestmark = pytest.mark.slow

X = jax.ShapeDtypeStruct((4, 3), jnp.float32)


def rows(model, x=X):
    return {row.path: row for row in fn.summary(model, x).rows}


def test_a_linear_layer_by_hand():
    row = rows(fn.linear(8))[""]
    assert row.output == "float32[4, 8]"
    assert (row.parameters, row.parameter_bytes) == (3 * 8 + 8, 4 * 32)
    assert row.forward_flops == 2 * 4 * 3 * 8 + 4 * 8
    assert 2 * 2 * 4 * 3 * 8 <= row.backward_flops <= 2 * 2 * 4 * 3 * 8 + 2 * 4 * 8  # two products, and a sum for b
    assert row.saved_bytes == 4 * 4 * 3  # x; w is a parameter
    assert row.rules == ("linear",)


def test_a_transcendental_function_is_an_operation():
    row = rows(lambda x: jnp.exp(jax.lax.tanh(x)))[""]
    assert row.forward_flops == 2 * 12
    assert rows(lambda x: x)[""].forward_flops == 0


def test_a_shared_array_is_counted_once():
    found = rows(fn.serial(body=fn.linear(8), act=fn.relu, head=fn.linear(2)))
    assert [found[name].saved_bytes for name in ("body", "act", "head")] == [48, 128, 128]
    assert found[""].saved_bytes == 48 + 128  # relu's y is the head's x
    assert found[""].rules == ("linear", "relu")


def test_a_rule_has_the_name_that_users_call_it_by():
    row = rows(fn.attention(1, causal=True, rope=True), jax.ShapeDtypeStruct((1, 2, 4), jnp.float32))[""]
    assert row.rules == ("linear", "rope", "dot_product_attention")


def test_a_combinator_comes_before_its_layers():
    model = fn.serial(fn.parallel(a=fn.linear(5), b=fn.serial(fn.tanh, fn.relu)), lambda both: both["a"])
    found = fn.summary(model, X).rows
    assert [row.path for row in found] == ["", "0", "0.a", "0.b", "0.b.0", "0.b.1", "1"]
    names = [line.partition("  float")[0].rstrip() for line in str(fn.summary(model, X)).splitlines()[1:]]
    assert names == ["model", "  0", "    a", "    b", "      0", "      1", "  1"]
    assert found[1].output == "float32[4, 5], float32[4, 3]"


@pytest.mark.parametrize("depth", [2, 12])
def test_a_repetition_counts_as_often_as_it_runs(depth):
    block = fn.residual(fn.serial(fn.linear(3), fn.tanh))
    repeated, unrolled = rows(fn.repeat(block, depth)), rows(fn.serial(*[block] * depth))
    assert repeated[""].parameters == unrolled[""].parameters == depth * repeated["0"].parameters
    assert repeated[""].saved_bytes == unrolled[""].saved_bytes
    for direction in ("forward_flops", "backward_flops"):
        whole, straight = getattr(repeated[""], direction), getattr(unrolled[""], direction)
        assert straight <= whole <= 1.2 * straight + 100, direction  # the loop counts its steps as well


def test_remat_saves_less():
    block = fn.residual(fn.serial(fn.linear(64), fn.tanh, fn.linear(3)))
    kept, again = (rows(fn.repeat(block, 4, remat=remat))[""].saved_bytes for remat in (False, True))
    assert again < kept / 4


def test_a_scan_in_a_scan_and_under_jit():
    product = lambda x: x @ jnp.ones((3, 3), x.dtype)
    inner = lambda x: jax.lax.scan(lambda x, _: (product(x), None), x, length=5)[0]
    outer = lambda x: jax.jit(lambda x: jax.lax.scan(lambda x, _: (inner(x), None), x, length=7)[0])(x)
    once, all_of_them = rows(product)[""].forward_flops, rows(outer)[""].forward_flops
    assert 35 * once <= all_of_them <= 35 * once + 7 * 20 + 35 * 20


def test_shapes_are_enough():
    def init(key, x):
        assert isinstance(key, jax.core.Tracer)
        return jnp.zeros((1 << 40,))  # four terabytes

    layer = fn.Layer(init, lambda params, x, *, key=None, training=False: x)
    assert rows(layer, jax.ShapeDtypeStruct((1 << 20, 1 << 20), jnp.float32))[""].parameters == 1 << 40


def test_integers_go_in_and_come_out():
    model = fn.serial(fn.embedding(100, 8), fn.dropout(0.5), lambda x: jnp.argmax(x, -1))
    found = rows(model, jnp.zeros((2, 5), jnp.int32))
    assert found["1"].rules == ("dropout",)
    assert found[""].output.startswith("int")
    assert found[""].backward_flops is not None


def test_the_text_lines_up_and_the_page_is_escaped():
    text = str(fn.summary(fn.serial(**{"<b>": fn.linear(2)}), X)).splitlines()
    assert len({line.index("linear") for line in text[1:]}) == 1
    assert "&lt;b&gt;" in fn.summary(fn.serial(**{"<b>": fn.linear(2)}), X)._repr_html_()


def test_every_notebook_shows_the_same_page():
    summary = fn.summary(fn.serial(body=fn.serial(fn.linear(2))), X)
    for cell in ('<td class="text">    0</td>', '<td class="number">8</td>'):
        assert cell in summary._repr_html_()
    compared = fn.verify.compare(lambda p: jnp.sum(fn.tanh(p)), jnp.ones(3))
    audited = fn.verify.audit(lambda x: x, jnp.ones(3))
    checked = fn.verify.Report("right", (), (), (), 1.0, "again")
    for found in (summary, compared, audited, checked):
        assert found._repr_html_().startswith(f'{STYLE}<div class="funcnn">')


@pytest.mark.parametrize(
    ("n", "decimal", "binary"),
    [(0, "0", "0 B"), (999, "999", "999 B"), (1000, "1 k", "1000 B"), (1536, "1.54 k", "1.5 KiB"),
     (999_999, "1 M", "977 KiB"), (10**12, "1 T", "931 GiB")],
)  # fmt: skip
def test_three_digits_and_a_prefix(n, decimal, binary):
    from funcnn._summary import _short

    assert (_short(n), _short(n, 1024, "B")) == (decimal, binary)


def test_errors_name_what_came():
    with pytest.raises(TypeError, match="a layer must be a Layer or a function x -> y, got int"):
        fn.summary(3, X)
    with pytest.raises(TypeError, match=r"layer body\.0: relu: x must be a floating-point array, got int32"):
        fn.summary(fn.serial(body=fn.serial(fn.relu)), jax.ShapeDtypeStruct((4, 3), jnp.int32))
