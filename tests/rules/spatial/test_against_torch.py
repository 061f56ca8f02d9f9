"""Convolutions, pools and resized images that PyTorch also has give PyTorch's values and gradients."""

import jax.numpy as jnp
import numpy as np
import pytest

import funcnn as fn
from tests.helpers.beside_torch import (
    RNG,
    F,
    assert_agrees,
    case,
    channels_first,
    channels_last,
    normal,
    out_first,
    torch,
)


def convolutions():
    for i, (x, w, options) in enumerate(
        [
            ((2, 7, 3), (3, 3, 5), {"padding": ((1, 1),)}),
            ((2, 8, 4), (4, 2, 6), {"stride": 2, "padding": ((2, 2),), "groups": 2}),
            ((2, 7, 5, 3), (2, 3, 3, 4), {"stride": (2, 1), "padding": ((0, 0), (1, 1))}),
            ((1, 9, 9, 3), (2, 3, 1, 6), {"groups": 3, "dilation": (2, 3), "padding": ((0, 0), (0, 0))}),
            (
                (2, 4, 5, 3, 2),
                (2, 1, 2, 2, 3),
                {"stride": (1, 2, 1), "dilation": (2, 1, 1), "padding": ((0, 0), (0, 0), (1, 1))},
            ),
            ((2, 7, 7, 3), (3, 3, 3, 4), {"padding": "SAME"}),
        ]
    ):
        theirs = options | {
            "padding": [lo for lo, _ in options["padding"]] if isinstance(options["padding"], tuple) else "same"
        }
        conv = getattr(F, f"conv{len(x) - 2}d")
        yield case(
            f"conv-{i}",
            fn.rules.conv,
            lambda x, w, b, o=theirs, conv=conv: channels_last(conv(channels_first(x), out_first(w), b, **o)),
            normal(*x),
            normal(*w),
            normal(w[-1]),
            **options,
        )


def transposed_convolutions():
    for i, (x, w, stride, p, more, d, groups) in enumerate(
        [
            ((2, 5, 3), (3, 3, 4), 2, 1, 1, 1, 1),
            ((1, 4, 4, 2), (2, 3, 2, 3), 1, 0, 0, 1, 1),
            ((2, 3, 4, 4), (3, 3, 2, 6), 2, 1, 0, 2, 2),
            ((1, 3, 2, 3, 2), (2, 2, 3, 2, 2), 3, 0, 0, 1, 1),
            ((2, 6, 1), (4, 1, 1), 3, 2, 2, 1, 1),
        ]
    ):
        # PyTorch's padding p is what it cuts off; its window is turned around, and its weight is [in, out, *window].
        n = len(x) - 2
        reach = [d * (size - 1) for size in w[:n]]
        ours = {
            "stride": stride,
            "padding": tuple((r - p, r - p + more) for r in reach),
            "dilation": d,
            "groups": groups,
        }

        def theirs(x, w, b, n=n, stride=stride, p=p, more=more, d=d, groups=groups):
            turned = torch.flip(w, tuple(range(n)))  # [*window, in / groups, out]
            per_group = torch.cat(turned.chunk(groups, -1), -2) if groups > 1 else turned
            weight = per_group.movedim((-2, -1), (0, 1))
            f = getattr(F, f"conv_transpose{n}d")
            return channels_last(f(channels_first(x), weight, b, stride, p, more, groups, d))

        yield case(
            f"conv_transpose-{i}", fn.rules.conv_transpose, theirs, normal(*x), normal(*w), normal(w[-1]), **ours
        )


def pools():
    for i, (x, window, stride, pad) in enumerate(
        [
            ((2, 7, 3), 2, None, 0),
            ((2, 7, 6, 2), 3, 2, 1),
            ((1, 5, 5, 4, 2), 2, 1, 0),
            ((2, 8, 1), 4, 3, 2),
            ((1, 6, 7, 3), 2, 2, 0),
        ]
    ):
        n = len(x) - 2
        pads = ((pad, pad),) * n
        for name in ("max_pool", "avg_pool"):
            pool = getattr(F, f"{name}{n}d")
            peer = lambda x, pool=pool, o=(window, stride, pad): channels_last(pool(channels_first(x), *o))
            options = {"window": window, "stride": stride, "padding": pads}
            yield case(f"{name}-{i}", getattr(fn.rules, name), peer, normal(*x), **options)
        if n < 3:
            pool = getattr(F, f"avg_pool{n}d")
            peer = lambda x, pool=pool, o=(window, stride, pad): channels_last(
                pool(channels_first(x), *o, count_include_pad=False)
            )
            yield case(f"avg_pool-inside-{i}", fn.rules.avg_pool, peer, normal(*x), **options, count_padding=False)


def places_of_maxima():
    for i, (x, window, stride, pad, dilation) in enumerate(
        [
            ((2, 9, 3), 3, 1, 1, 2),
            ((2, 8, 7, 2), 2, 2, 1, 3),
            ((1, 7, 9, 2), 3, 2, 0, 2),
            ((1, 5, 5, 6, 2), 2, 2, 0, 2),
            ((2, 6, 5, 1), 2, 2, 0, 1),
        ]
    ):
        n = len(x) - 2

        def ours(x, o=(window, stride, ((pad, pad),) * n, dilation)):
            y, indices = fn.rules.max_pool(x, *o, return_indices=True)
            return y * indices.astype(y.dtype)

        def theirs(x, pool=getattr(F, f"max_pool{n}d"), o=(window, stride, pad, dilation)):
            y, indices = pool(channels_first(x), *o, return_indices=True)
            return channels_last(y * indices.to(y.dtype))

        yield case(f"max_pool-indices-{i}", ours, theirs, normal(*x))
        batch, *places, channels = x
        size = [window * m for m in places]
        drawn = [RNG.permutation(np.prod(size))[: np.prod(places)] for _ in range(batch * channels)]
        at = np.stack(drawn).reshape(batch, channels, *places)
        yield case(
            f"max_unpool-{i}",
            lambda y, at=at, size=tuple(size): fn.rules.max_unpool(y, jnp.asarray(np.moveaxis(at, 1, -1)), size),
            lambda y, at=at, k=window, f=getattr(F, f"max_unpool{n}d"): channels_last(
                f(channels_first(y), torch.as_tensor(at), k)
            ),
            normal(*x),
        )


def pools_to_a_size():
    for i, (x, size) in enumerate(
        [((2, 7, 3), 3), ((2, 7, 6, 2), (2, 5)), ((1, 5, 4), 5), ((1, 5, 5, 4, 2), 2), ((2, 3, 3, 1), 1)]
    ):
        n = len(x) - 2
        for name in ("adaptive_avg_pool", "adaptive_max_pool"):
            yield case(
                f"{name}-{i}",
                getattr(fn.rules, name),
                lambda x, f=getattr(F, f"{name}{n}d"), s=size: channels_last(f(channels_first(x), s)),
                normal(*x),
                sizes=size,
            )
        for name, f in (("global_avg_pool", "adaptive_avg_pool"), ("global_max_pool", "adaptive_max_pool")):
            yield case(
                f"{name}-{i}",
                getattr(fn.rules, name),
                lambda x, f=getattr(F, f"{f}{n}d"): channels_last(f(channels_first(x), 1)),
                normal(*x),
                keepdims=True,
            )


IMAGES = [(2, 7, 3), (2, 7, 6, 2), (1, 5, 4), (1, 5, 5, 4, 2), (2, 3, 3, 1)]


def upsampled_smoothly():
    for i, x in enumerate(IMAGES):
        n = len(x) - 2
        smooth = ["linear", "bilinear", "trilinear"][n - 1]
        yield case(
            f"upsample-linear-{i}",
            fn.rules.upsample,
            lambda x, m=smooth: channels_last(F.interpolate(channels_first(x), scale_factor=3, mode=m)),
            normal(*x),
            factor=3,
            method="linear",
        )
        for mode, corners in (
            (smooth, False),
            (smooth, True),
            *((("bicubic", False), ("bicubic", True)) if n == 2 else ()),
        ):
            sizes = [m + 2 * (-1) ** j for j, m in enumerate(x[1:-1])]
            yield case(
                f"upsample-{mode}-{i}",
                fn.rules.upsample,
                lambda x, o={"size": sizes, "mode": mode, "align_corners": corners}: channels_last(
                    F.interpolate(channels_first(x), **o)
                ),
                normal(*x),
                size=tuple(sizes),
                method="cubic" if mode == "bicubic" else "linear",
                align_corners=corners,
            )


def upsampled_by_the_nearest():
    for i, x in enumerate(IMAGES):
        yield case(
            f"upsample-size-{i}",
            fn.rules.upsample,
            lambda x: channels_last(F.interpolate(channels_first(x), size=5, mode="nearest")),
            normal(*x),
            size=5,
        )
        yield case(
            f"upsample-{i}",
            fn.rules.upsample,
            lambda x: channels_last(F.interpolate(channels_first(x), scale_factor=2, mode="nearest")),
            normal(*x),
            factor=2,
        )


def shuffled():
    for i, (x, f) in enumerate(
        [((2, 3, 2, 8), 2), ((1, 2, 2, 9), 3), ((2, 1, 4, 4), 2), ((1, 3, 3, 12), 2), ((1, 1, 1, 16), 4)]
    ):
        yield case(
            f"pixel_shuffle-{i}",
            fn.rules.pixel_shuffle,
            lambda x, f=f: channels_last(F.pixel_shuffle(channels_first(x), f)),
            normal(*x),
            factor=f,
        )
        y = (x[0], x[1] * f, x[2] * f, x[3] // f**2)
        yield case(
            f"pixel_unshuffle-{i}",
            fn.rules.pixel_unshuffle,
            lambda x, f=f: channels_last(F.pixel_unshuffle(channels_first(x), f)),
            normal(*y),
            factor=f,
        )


@pytest.mark.parametrize(
    ("rule", "peer", "args", "tolerance"),
    [
        *convolutions(),
        *transposed_convolutions(),
        *pools(),
        *places_of_maxima(),
        *pools_to_a_size(),
        *upsampled_smoothly(),
        *upsampled_by_the_nearest(),
        *shuffled(),
    ],
)
def test_value_and_gradients_are_pytorch_s(rule, peer, args, tolerance):
    assert_agrees(rule, peer, args, tolerance)
