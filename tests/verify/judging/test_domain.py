"""A domain holds what it makes, its tangents are a projection, and steps stay in it; names and sets are checked."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from funcnn.verify import check
from funcnn.verify.judging._battery import KINDS
from funcnn.verify.judging._domain import EVERYWHERE, NAMED, Domains, between
from funcnn.verify.judging._domains import domains_of

SETS = {**NAMED, "one side": between(None, -2.0), "shifted": between(3, 5.5)}
ARRAYS = np.random.default_rng(0).normal(size=(2, 4, 4)), np.random.default_rng(1).normal(size=(3, 3))


@pytest.mark.parametrize("name", SETS)
def test_what_every_kind_of_inputs_becomes_lies_in_the_set(name):
    domain, rng = SETS[name], np.random.default_rng(2)
    for kind in KINDS:
        for a in ARRAYS:
            made = domain.project(kind.draw(rng, a))
            assert domain.holds(made, 1e-9), kind.name
            assert np.isfinite(made).all()


@pytest.mark.parametrize("name", SETS)
def test_tangents_are_an_orthogonal_projection(name):
    domain, rng = SETS[name], np.random.default_rng(3)
    for a in map(domain.project, ARRAYS):
        u, v = rng.normal(size=(2, *a.shape))
        once = domain.tangent(a, u)
        assert np.allclose(domain.tangent(a, once), once)
        assert np.isclose(np.sum(once * v), np.sum(u * domain.tangent(a, v)))
        assert np.allclose(domain.tangent(jnp.asarray(a), jnp.asarray(u)), once)


@pytest.mark.parametrize("name", SETS)
def test_a_small_step_stays_in_the_set_and_goes_along_its_tangent(name):
    domains = Domains((SETS[name],))
    (a,) = domains.project((ARRAYS[0],))
    step = np.random.default_rng(4).normal(size=a.shape)
    (moved,) = domains.moved((a,), (a + 1e-7 * step,))
    assert SETS[name].holds(moved, 1e-9)
    (along,) = domains.tangent((a,), (step,))
    assert np.allclose((moved - a) / 1e-7, along, atol=1e-5)


def test_what_leaves_an_interval_is_nan():
    domains = Domains((between(0, 1),))
    (moved,) = domains.moved((np.array([0.5, 0.999]),), (np.array([0.6, 1.1]),))
    assert moved[0] == 0.6
    assert np.isnan(moved[1])


def sum_of_squares(a):
    return [np.sum(a[0] ** 2)]


def of_lower(a):
    return [np.tril(a[0])]


def names_of(a, values):
    sure, shown = domains_of(("a",), (a,), {}, values, lambda: False)
    return sure.each[0].name, shown.each[0].name


def test_a_domain_is_guessed_where_function_and_example_agree():
    symmetric = np.array([[1.0, 2.0, 3.0], [2.0, -5.0, 4.0], [3.0, 4.0, 6.0]])
    assert names_of(symmetric, sum_of_squares) == ("any", "symmetric")
    assert names_of(symmetric, of_lower) == ("symmetric", "symmetric")
    assert names_of(symmetric @ symmetric, of_lower) == ("positive definite", "positive definite")


@pytest.mark.parametrize(
    ("a", "shown"),
    [
        (np.eye(3), "any"),
        (np.ones((3, 3)), "any"),
        (np.full(4, 0.25), "any"),
        (np.array([0.1, 0.2, 0.7]), "simplex"),
        (np.array([0.0, 1.0, 0.0]), "any"),
        (np.array([0.6, -0.8]), "unit"),
        (np.array([[0.6, -0.8], [0.8, 0.6]]), "any"),
        (np.linspace(0.3, 2.0, 8), "positive"),
        (np.linspace(0.3, 2.0, 7), "any"),
        (np.linspace(-0.3, 2.0, 8), "any"),
        (np.ones(8), "any"),
        (np.zeros((0, 3)), "any"),
        (np.array(1.0), "any"),
    ],
)
def test_first_values_of_parameters_show_no_domain(a, shown):
    assert names_of(a, sum_of_squares) == ("any", shown)


@jax.custom_vjp
def scaled(params, x):
    return params["w"] @ x


def _fwd(params, x):
    return scaled(params, x), (params, x)


def _bwd(saved, g):
    params, x = saved
    return {"w": jnp.outer(g, x)}, params["w"] @ g


scaled.defvjp(_fwd, _bwd)
W, X = jnp.array([[1.0, 2.0], [2.0, -3.0]]), jnp.array([0.5, -1.5])


@pytest.mark.parametrize("name", ["params['w']", "params"])
def test_an_argument_is_named_by_its_path_or_by_what_holds_it(name):
    assert check(scaled, {"w": W}, X, level="fast").status == "fail"
    report = check(scaled, {"w": W}, X, level="fast", domain={name: "symmetric"})
    assert report.ok, str(report)


@pytest.mark.parametrize(
    ("domain", "error", "says"),
    [
        ({"y": "symmetric"}, ValueError, r"arguments of f, params\['w'\], x, got 'y'"),
        ({"x": "round"}, ValueError, "or one of any, symmetric, .*got 'round'"),
        ({"x": (2, 1)}, ValueError, "lower bound first"),
        ({"x": (0, None)}, ValueError, "says that x is between 0 and any, and the example's x is not"),
        ({"x": "symmetric"}, ValueError, "says that x is symmetric"),
        ("symmetric", TypeError, "domain must be a dictionary"),
    ],
)
def test_what_cannot_be_said_is_refused(domain, error, says):
    with pytest.raises(error, match=says):
        check(scaled, {"w": W}, X, level="fast", domain=domain)


def test_none_says_that_an_argument_may_be_anything():
    assert domains_of(("a",), (W,), {"a": None}, of_lower, lambda: False)[0].each == (EVERYWHERE,)
