"""`shapes` accepts what is written beside an argument, and says of anything else what was expected."""

import jax
import jax.numpy as jnp
import pytest

from funcnn.rules._common._checks import require_number, shapes


def f(*shape, dtype="float32"):
    return jnp.zeros(shape, dtype)


def linear(x, w, b=None):
    shapes("linear", x=(x, "... n"), w=(w, "n m"), b=(b, "m | 1 m | None"))


def bilinear(x, z, w):
    shapes("bilinear", x=(x, "... n"), z=(z, "... m"), w=(w, "n m out"))


def pair(prediction, target):
    shapes("pair", prediction=(prediction, "..."), target=(target, "..."))


def slope(x, a):
    shapes("slope", x=(x, "... n | []"), a=(a, "[] | n"))


def images(x, scale=None):
    shapes("images", x=(x, "batch *space channels"), scale=(scale, "channels | None"))


@pytest.mark.parametrize(
    ("check", "arguments"),
    [
        (linear, (f(3, 5), f(5, 2))),
        (linear, (f(5), f(5, 2), f(1, 2))),
        (linear, (f(2, 0, 5), f(5, 0), f(0))),
        (bilinear, (f(3, 5), f(3, 4), f(5, 4, 1))),
        (pair, (f(3, 1), f(3, 1))),
        (pair, (0.5, 0.5)),
        (slope, (f(3, 5), f(5))),
        (slope, (f(3, 5), f())),
        (slope, (f(), f())),
        (images, (f(2, 3),)),
        (images, (f(2, 3, 4, 5), f(5))),
    ],
)
def test_what_fits_is_accepted(check, arguments):
    check(*arguments)


@pytest.mark.parametrize(
    ("check", "arguments", "error", "message"),
    [
        (linear, (None, f(5, 2)), TypeError, "linear: x must be a floating-point array, got NoneType"),
        (
            linear,
            (f(3, 5), f(5, 2, dtype="int32")),
            TypeError,
            "linear: w must be a floating-point array, got int32[5, 2]: w.astype('float32')",
        ),
        (
            linear,
            (f(3, 5), f(5, 2, dtype="bfloat16")),
            TypeError,
            "linear: w must have the dtype of x, float32, got bfloat16[5, 2]: w.astype('float32')",
        ),
        (linear, (f(), f(5, 2)), ValueError, "linear: x must be [..., n], got float32[]"),
        (linear, (f(3, 5), f(4, 2)), ValueError, "linear: w must be [5, m] to follow x [3, 5], got float32[4, 2]"),
        (
            linear,
            (f(3, 5), f(5, 2), f(3)),
            ValueError,
            "linear: b must be [2] or [1, 2] to follow w [5, 2], got float32[3]",
        ),
        (
            linear,
            (f(3, 5), f(5, 2), f(2, 2)),
            ValueError,
            "linear: b must be [2] or [1, 2] to follow w [5, 2], got float32[2, 2]",
        ),
        (
            bilinear,
            (f(3, 5), f(2, 4), f(5, 4, 1)),
            ValueError,
            "bilinear: z must be [3, m] to follow x [3, 5], got float32[2, 4]",
        ),
        (
            bilinear,
            (f(3, 5), f(3, 4), f(4, 5, 1)),
            ValueError,
            "bilinear: w must be [5, 4, out] to follow x [3, 5] and z [3, 4], got float32[4, 5, 1]",
        ),
        (pair, (f(3), f(3, 1)), ValueError, "pair: target must be [3], the shape of prediction, got float32[3, 1]"),
        (slope, (f(3, 5), f(3)), ValueError, "slope: a must be [] or [5] to follow x [3, 5], got float32[3]"),
        (slope, (f(), f(7)), ValueError, "slope: a must be [] to follow x [], got float32[7]"),
        (images, (f(2),), ValueError, "images: x must be [batch, *space, channels], got float32[2]"),
        (images, (f(2, 3, 5), f(3)), ValueError, "images: scale must be [5] to follow x [2, 3, 5], got float32[3]"),
    ],
)
def test_what_does_not_fit_is_said(check, arguments, error, message):
    with pytest.raises(error) as raised:
        check(*arguments)
    assert str(raised.value) == message


def test_of_an_array_without_axes_is_said_how_it_becomes_a_number():
    with pytest.raises(TypeError, match=r"f: rate must be a number, got float32\[\]: float\(rate\)$"):
        require_number("f", "rate", f())
    with pytest.raises(TypeError, match=r"f: rate must be a number, got float32\[\], traced: it must be known when"):
        jax.eval_shape(lambda rate: require_number("f", "rate", rate), f())
    with pytest.raises(TypeError, match=r"f: rate must be a number, got float32\[3\]$"):
        require_number("f", "rate", f(3))
