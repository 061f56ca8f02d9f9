"""Example arguments are found in the order that is promised: declared, documented, guessed."""

import jax
import pytest

from funcnn.verify.command._arguments import NoExampleError, examples_of
from funcnn.verify.command._targets import TargetError, find


def examples(target, name):
    module, functions = find(target)
    return examples_of(module, name, functions[name])


DECLARED = """
    @vjp
    def scale(x, w):
        '''
        >>> scale(jnp.ones(9), jnp.ones(9)).shape
        (9,)
        '''
        return x * w
"""


@pytest.mark.parametrize(
    ("value", "calls"),
    [
        ("(jnp.ones(3), jnp.ones(3))", 1),
        ("[(jnp.ones(3), jnp.ones(3)), (jnp.ones(3), jnp.float32(2))]", 2),
        ("lambda: (jnp.ones(3), jnp.ones(3))", 1),
    ],
)
def test_declared_examples_come_first(write, value, calls):
    found = examples(write(DECLARED + f"\n    check_vjp_examples = {{'scale': {value}}}"), "scale")
    assert found.origin == "check_vjp_examples"
    assert len(found.calls) == calls
    assert all(call[0].shape == (3,) for call in found.calls)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("{'scale': jnp.ones(3)}", r"check_vjp_examples\['scale'\] of tiny must be a tuple .* got ArrayImpl"),
        ("{'scale': []}", r"must be a tuple of arguments or a list of them, got an empty list"),
        ("{'scale': lambda: 1 / 0}", r"check_vjp_examples\['scale'\] of tiny raises ZeroDivisionError"),
        ("{'scail': ()}", r"check_vjp_examples of tiny names 'scail', which is not a function there"),
    ],
)
def test_bad_declarations_are_told(write, table, message):
    with pytest.raises(TargetError, match=message):
        examples(write(DECLARED + f"\n    check_vjp_examples = {table}"), "scale")


DOCUMENTED = {
    "its own": ("""
        @vjp
        def rule(x, w):
            '''
            >>> w = jnp.arange(2.0)
            >>> rule(jnp.ones(2), w=w).shape
            (2,)
            >>> 1 / 0
            '''
            return x * w
     """, "the docstring of rule", [(2,), (2,)]),
    "a caller's, inside another rule": ("""
        rule = vjp(lambda x, w: x @ w)
        @vjp
        def outer(x, w):
            '''
            >>> jax.jit(jax.grad(lambda x: outer(x, jnp.ones((3, 2))).sum()))(jnp.ones((4, 3))).shape
            (4, 3)
            '''
            return rule(w.T, x.T).T
        def public(x, w):
            '''
            >>> outer(jnp.ones((4, 3)), jnp.ones((3, 2))).shape
            (4, 2)
            '''
            return rule(x, w)
     """, "the docstring of public", [(2, 3), (3, 4)]),
    "traced": ("""
        @vjp
        def rule(x):
            '''
            >>> jax.jit(rule)(jnp.ones((4, 3))).shape
            (4, 3)
            '''
            return x
     """, "the docstring of rule, with values drawn", [(4, 3)]),
    "Python floats": ("""
        @vjp
        def rule(x):
            '''
            >>> print(rule(0.5))
            0.5
            '''
            return x
     """, "the docstring of rule", [()]),
}  # fmt: skip


@pytest.mark.parametrize("case", DOCUMENTED)
def test_a_docstring_gives_the_example(write, capsys, case):
    text, origin, shapes = DOCUMENTED[case]
    found = examples(write(text), "rule")
    assert found.origin == origin
    assert [a.shape for a in found.calls[0]] == shapes
    assert all(isinstance(a, jax.Array) and not isinstance(a, jax.core.Tracer) for a in found.calls[0])
    assert capsys.readouterr() == ("", "")


def test_a_docstring_may_pass_by_an_argument(write):
    text = """
        def f(x, shift=1.0, power=2, axis=0):
            return x**power + shift
        rule = vjp(f, 1, 2, 3)
        rule.__doc__ = '>>> rule(jnp.ones(2), power=3).shape'
    """
    (call,) = examples(write(text), "rule").calls
    assert call[1:] == (1.0, 3)


def test_a_docstring_without_a_call_is_passed_over(write):
    text = "@vjp\ndef rule(x):\n    '''\n    >>> undefined\n    >>> 1 + 1\n    3\n    '''\n    return x"
    assert examples(write(text), "rule").origin == "guessed: float32[5]"


def test_a_plain_functions_docstring_gives_its_example(write):
    text = (
        "rule = vjp(jnp.sin)\ndef f(x):\n    '''\n    >>> f(jnp.ones(7)).shape\n    (7,)\n    '''\n    return rule(x)"
    )
    assert examples(write(text) + ":f", "f").calls[0][0].shape == (7,)


GUESSED = [
    ("lambda x: jnp.sin(x)", "float32[5]"),
    ("lambda x: x.mean(1)", "float32[4, 6]"),
    ("lambda x: jnp.linalg.inv(x)", "float32[4, 4]"),
    ("lambda x, w: x @ w", "float32[4, 6], float32[6, 3]"),
    ("lambda x, w, b: x @ w + b[None]", "float32[4, 6], float32[6, 3], float32[3]"),
    ("lambda x, w, b: (x - x.mean(-1, keepdims=True)) * w[None] + b[None]", "float32[4, 6], float32[6], float32[6]"),
    ("lambda a, b, c, d: a * b * c * d", "float32[4, 6], " * 3 + "float32[4, 6]"),
    ("lambda x, y: jnp.take_along_axis(x, y[:, None], 1)", "float32[4, 6], int32[4]"),
]


@pytest.mark.parametrize(("f", "expected"), GUESSED)
def test_the_first_shapes_that_fit_are_guessed(write, f, expected):
    text = f"rule = jax.custom_jvp({f})\nrule.defjvp(lambda p, t: jax.jvp({f}, p, t))"
    assert examples(write(text), "rule").origin == f"guessed: {expected}"


def test_the_gradient_must_fit_too(write):
    text = """
        rule = jax.custom_vjp(lambda x: x * x)
        rule.defvjp(lambda x: (x * x, x), lambda x, g: (2 * g * x[:, ::1],))   # of matrices alone
    """
    assert examples(write(text), "rule").origin == "guessed: float32[4, 6]"


def test_what_the_gradient_raises_is_told_before_what_the_function_raises(write):
    text = """
        rule = jax.custom_vjp(lambda x: x[:, 0])
        rule.defvjp(lambda x: (x[:, 0], x), lambda x, g: 1 / 0)
    """
    with pytest.raises(NoExampleError, match=r"no guess fits \(float32.* gives ZeroDivisionError"):
        examples(write(text), "rule")


def test_hints_are_taken(write):
    text = """
        class Shape:
            def __init__(self, dim_str, *dtypes): self.dim_str, self.dtypes = dim_str, dtypes
        @partial(jax.custom_jvp, nondiff_argnums=(4,))
        def rule(a: Shape("*batch n 7", "float32"), i: Shape("m", "int32"), b: Shape("n m", "float32"), n: int, axis=-1):
            return (a.sum() + b.sum()) * n + i.astype(b.dtype).sum()
        @rule.defjvp
        def jvp(axis, primals, tangents): return rule(*primals), tangents[0].sum()
    """
    found = examples(write(text), "rule")
    assert found.origin == "guessed: float32[4, 7], int32[6], float32[4, 6], 2"


STATIC = [
    ("lambda slope, x: jnp.where(x > 0, x, slope * x)", (0,), "0.5, float32[5]"),
    ("lambda x, axis: jnp.sum(x, axis)", (1,), "float32[5], -1"),
    ("lambda x, n: x * len(range(n))", (1,), "float32[5], 2"),
    ("lambda g, x: g(x)", (0,), "tanh, float32[5]"),
    ("lambda x, shape: x * shape[0]", (1,), "float32[5], (2,)"),
    ("lambda g, x, axis: g(x).sum(axis)", (0, 2), "tanh, float32[5], -1"),
]


@pytest.mark.parametrize(("f", "static", "expected"), STATIC)
def test_static_arguments_are_guessed(write, f, static, expected):
    text = f"""
        rule = jax.custom_vjp({f}, nondiff_argnums={static})
        array = lambda args: next(a for a in args if isinstance(a, jax.Array))
        rule.defvjp(lambda *args: (rule.fun(*args), array(args)), lambda *given: (given[-2],))
    """
    assert examples(write(text), "rule").origin == f"guessed: {expected}"


REFUSED = [
    ("lambda x: x.reshape(11)", "no guess fits .*reshape"),
    ("lambda a, b, c, d, x: x", "parameters a, b, c, d cannot be guessed"),
    ("lambda n, x: x * n['key']", "no guess fits .*TypeError"),
    ("lambda *xs: xs[0]", "parameter xs cannot be guessed"),
    ("lambda n=3: jnp.ones(n)", "no parameter has to be given"),
    ("lambda x: x > 0", "no guess fits .*nothing floating-point"),
]


@pytest.mark.parametrize(("f", "reason"), REFUSED)
def test_where_nothing_fits_the_module_is_asked_for_an_example(write, f, reason):
    static = ", 0, 1, 2, 3" if " d, x" in f else ", 0" if " n, x" in f else ""
    with pytest.raises(
        NoExampleError, match=f"no example arguments, and {reason}.*: define check_vjp_examples in tiny"
    ):
        examples(write(f"rule = vjp({f}{static})"), "rule")
