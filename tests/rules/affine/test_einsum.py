"""A contraction is einsum's, and a product of matrices where its indices allow it: forward mode then copies nothing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from funcnn.rules.affine._einsum import contract

CASES = [
    ("abi,ijo->abjo", (2, 2)),
    ("abi,abjo->ijo", (2, 2)),
    ("abjo,abo->abj", (3, 2)),
    ("abcd,cdef->abef", (2, 2)),
    ("abc,cba->bc", (3, 3)),
    ("ab,cd->abcd", (1, 1)),
]
SIZES = dict(zip("abcdefijo", (2, 3, 1, 4, 5, 2, 3, 2, 0), strict=True))


@pytest.mark.parametrize(("equation", "ranks"), CASES)
def test_contract_takes_indices_side_by_side_as_one(equation, ranks):
    rng = np.random.default_rng(0)
    terms = equation.partition("->")[0].split(",")
    arrays = [jnp.asarray(rng.normal(size=[SIZES[i] for i in term])) for term in terms]
    np.testing.assert_allclose(contract(equation, *arrays), jnp.einsum(equation, *arrays), rtol=1e-12)
    product = jax.make_jaxpr(lambda *arrays: contract(equation, *arrays))(*arrays)
    (dot,) = [eqn for eqn in product.eqns if eqn.primitive is jax.lax.dot_general_p]
    assert sorted(a.aval.ndim for a in dot.invars) == sorted(ranks)
