"""Every rule that PyTorch also has gives PyTorch's values and gradients: float64, random cotangents, several options.

PyTorch keeps channels first and weights the other way around; each case says how an argument is turned, and a difference in
convention is said where it is.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import funcnn as fn
from tests.helpers.judge import assert_close

torch = pytest.importorskip("torch")
F = torch.nn.functional
TOLERANCE = 1e-9
FLOAT32_CONSTANTS = {"hard_sigmoid", "celu"}  # PyTorch keeps 1/6 and 1/alpha in float32 there: relative 6e-8
RNG = np.random.default_rng(20261125)


def normal(*shape, scale=1.0):
    return scale * RNG.normal(size=shape)


def channels_first(a):
    """[batch, *space, channels] to [batch, channels, *space]."""
    return a.movedim(-1, 1)


def channels_last(a):
    return a.movedim(1, -1)


def out_first(w):
    """[*window, in, out] to [out, in, *window]."""
    return w.movedim((-1, -2), (0, 1))


def case(name, rule, peer, *args, **options):
    tolerance = 1e-7 if name.partition("-")[0] in FLOAT32_CONSTANTS else TOLERANCE
    return pytest.param(functools.partial(rule, **options), peer, args, tolerance, id=f"{name} {options or ''}".strip())


def elementwise(name, peer, *settings, scale=2.0):
    """The rule of that name beside its peer, over five shapes; a setting is options, or a pair: ours and theirs."""
    settings = [s if isinstance(s, tuple) else (s, s) for s in settings or ({},)]
    for i, shape in enumerate([(7,), (3, 5), (2, 3, 4), (1,), (5, 1, 2)]):
        ours, theirs = settings[i % len(settings)]
        x = normal(*shape, scale=scale * (i + 1) / 2)
        yield case(f"{name}-{i}", getattr(fn.rules, name), functools.partial(peer, **theirs), x, **ours)


SOFT = [((3, 5), -1), ((3, 5), 0), ((2, 3, 4), 1), ((7,), 0), ((4, 1), -1)]


def cases():
    for shape, out, bias in [
        ((3, 5), 2, True),
        ((5,), 4, True),
        ((2, 3, 4), 3, False),
        ((1, 1), 1, True),
        ((2, 1, 3, 2), 5, True),
    ]:
        b = normal(out) if bias else None
        yield case(
            "linear",
            fn.rules.linear,
            lambda x, w, b=None: F.linear(x, w.T, b),
            normal(*shape),
            normal(shape[-1], out),
            *([b] if bias else []),
        )
    for i, (n, m, k) in enumerate([(3, 4, 2), (1, 5, 3), (5, 1, 1), (2, 2, 2), (4, 3, 5)]):
        yield case(
            f"bilinear-{i}",
            fn.rules.bilinear,
            lambda x, z, w, b: F.bilinear(x, z, w.movedim(-1, 0), b),
            normal(3, n),
            normal(3, m),
            normal(n, m, k),
            normal(k),
        )
    yield from elementwise("tanh", torch.tanh)
    yield from elementwise("sigmoid", torch.sigmoid)
    yield from elementwise("softplus", lambda x: F.softplus(x, threshold=50))
    yield from elementwise("relu", F.relu)
    yield from elementwise("leaky_relu", F.leaky_relu, *({"negative_slope": a} for a in (0.01, 0.2, 0.0, -1.0, 2.0)))
    yield from elementwise(
        "gelu", F.gelu, *(({"approximate": a}, {"approximate": "tanh" if a else "none"}) for a in (True, False))
    )
    yield from elementwise("silu", F.silu)
    yield from elementwise("relu6", F.relu6, scale=6.0)
    yield from elementwise("elu", F.elu, *({"alpha": a} for a in (1.0, 0.3, 2.0, 0.0, 1.5)))
    yield from elementwise("selu", F.selu)
    yield from elementwise("celu", F.celu, *({"alpha": a} for a in (1.0, 0.3, 2.0, 0.7, 1.5)))
    yield from elementwise(
        "threshold",
        F.threshold,
        *({"threshold": t, "value": v} for t, v in ((0.1, 20.0), (-1.0, 0.0), (0.5, -2.0), (0.0, 0.0), (1.0, 1.0))),
    )
    yield from elementwise(
        "hard_tanh",
        F.hardtanh,
        *(
            ({"low": a, "high": b}, {"min_val": a, "max_val": b})
            for a, b in ((-1.0, 1.0), (-0.5, 2.0), (0.0, 0.3), (-3.0, -1.0), (-2.0, 2.0))
        ),
    )
    yield from elementwise("hard_sigmoid", F.hardsigmoid)
    yield from elementwise("hard_silu", F.hardswish)
    yield from elementwise(
        "soft_shrink", F.softshrink, *(({"threshold": t}, {"lambd": t}) for t in (0.5, 0.0, 1.2, 0.1, 3.0))
    )
    yield from elementwise(
        "hard_shrink", F.hardshrink, *(({"threshold": t}, {"lambd": t}) for t in (0.5, 0.0, 1.2, 0.1, 3.0))
    )
    yield from elementwise("mish", F.mish)
    yield from elementwise("softsign", F.softsign)
    yield from elementwise("log_sigmoid", F.logsigmoid)
    for i, (shape, a) in enumerate([((3, 5), (5,)), ((3, 5), ()), ((7, 1), (1,)), ((2, 3), (3,)), ((4, 2), ())]):
        yield case(f"prelu-{i}", fn.rules.prelu, lambda x, a: F.prelu(x, a.reshape(-1)), normal(*shape), normal(*a))
    for name, peer in (("softmax", F.softmax), ("log_softmax", F.log_softmax)):
        for i, (shape, axis) in enumerate(SOFT):
            yield case(
                f"{name}-{i}", getattr(fn.rules, name), lambda x, p=peer, d=axis: p(x, dim=d), normal(*shape), axis=axis
            )
    for i, (shape, axis, keep) in enumerate(
        [((3, 5), -1, False), ((3, 5), (0, 1), True), ((2, 3, 4), (0, 2), False), ((7,), 0, True), ((3, 4), 0, False)]
    ):
        yield case(
            f"logsumexp-{i}",
            fn.rules.logsumexp,
            lambda x, a=axis, k=keep: torch.logsumexp(x, a, k),
            normal(*shape),
            axis=axis,
            keepdims=keep,
        )
    for i, (shape, axis) in enumerate([((3, 4), -1), ((4, 3), 0), ((2, 4, 3), 1), ((2,), 0), ((5, 6), 1)]):
        yield case(f"glu-{i}", fn.rules.glu, lambda x, d=axis: F.glu(x, d), normal(*shape), axis=axis)
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
    for i, (ids, rows, n) in enumerate([((5,), 3, 4), ((2, 3), 7, 2), ((1,), 1, 3), ((4, 1, 2), 5, 1), ((6,), 2, 5)]):
        drawn = RNG.integers(0, rows, ids)
        for padding in (None, int(drawn.flat[0])):
            yield case(
                f"embedding-{i}-{padding}",
                lambda table, ids=drawn, p=padding: fn.rules.embedding(jnp.asarray(ids), table, p),
                lambda table, ids=drawn, p=padding: F.embedding(torch.as_tensor(ids), table, p),
                normal(rows, n),
            )


def norms():
    for i, (shape, eps) in enumerate([((3, 5), 1e-5), ((7,), 1e-3), ((2, 3, 4), 1e-5), ((4, 2), 0.1), ((1, 9), 1e-6)]):
        n = shape[-1]
        yield case(f"layer_norm-{i}", fn.rules.layer_norm, lambda x, s, t, n=n, eps=eps: F.layer_norm(x, (n,), s, t, eps),
                   normal(*shape), normal(n), normal(n), eps=eps)  # fmt: skip
        yield case(f"rms_norm-{i}", fn.rules.rms_norm, lambda x, s, n=n, eps=eps: F.rms_norm(x, (n,), s, eps),
                   normal(*shape), normal(n), eps=eps)  # fmt: skip
    for i, (shape, eps) in enumerate(
        [((6, 5), 1e-5), ((3, 4, 2), 1e-3), ((2, 3, 4, 5), 1e-5), ((4, 1), 0.1), ((2, 3, 2, 2, 3), 1e-5)]
    ):
        n = shape[-1]
        yield case(f"batch_norm-{i}", fn.rules.batch_norm,
                   lambda x, s, t, eps=eps: channels_last(
                       F.batch_norm(channels_first(x), None, None, s, t, True, 0.1, eps)),
                   normal(*shape), normal(n), normal(n), eps=eps)  # fmt: skip
        mean, variance = normal(n), np.abs(normal(n)) + 0.1
        yield case(f"batch_norm_inference-{i}", lambda x, s, t, m=mean, v=variance, eps=eps: fn.rules.batch_norm_inference(
                       x, jnp.asarray(m), jnp.asarray(v), s, t, eps),
                   lambda x, s, t, m=mean, v=variance, eps=eps: channels_last(F.batch_norm(
                       channels_first(x), torch.as_tensor(m), torch.as_tensor(v), s, t, False, 0.1, eps)),
                   normal(*shape), normal(n), normal(n))  # fmt: skip
    for i, (shape, groups) in enumerate(
        [((2, 3, 4), 2), ((2, 5, 6), 3), ((3, 2, 2, 4), 4), ((1, 3, 6), 1), ((2, 2, 3, 2, 6), 2)]
    ):
        n = shape[-1]
        yield case(f"group_norm-{i}", fn.rules.group_norm,
                   lambda x, s, t, g=groups: channels_last(F.group_norm(channels_first(x), g, s, t)),
                   normal(*shape), normal(n), normal(n), groups=groups)  # fmt: skip
        yield case(f"instance_norm-{i}", fn.rules.instance_norm,
                   lambda x, s, t: channels_last(F.instance_norm(channels_first(x), weight=s, bias=t)),
                   normal(*shape), normal(n), normal(n))  # fmt: skip
    for i, (shape, axis) in enumerate(SOFT):
        yield case(
            f"l2_normalize-{i}",
            fn.rules.l2_normalize,
            lambda x, d=axis: F.normalize(x, dim=d),
            normal(*shape),
            axis=axis,
        )
    for i, shape in enumerate([(3, 5), (2, 3, 4), (1, 2), (4, 1), (2, 2, 3, 2)]):
        axes = tuple(range(len(shape) - 1))
        yield case(f"weight_norm-{i}", fn.rules.weight_norm, lambda v, g, axes=axes: torch._weight_norm(
                       v.movedim(-1, 0), g.reshape(-1, *(1 for _ in axes)), 0).movedim(0, -1),
                   normal(*shape), normal(shape[-1]))  # fmt: skip


def windows():
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


def labelled(shape):
    return RNG.integers(0, shape[-1], shape[:-1])


def losses():
    each = functools.partial
    for i, shape in enumerate([(7,), (3, 5), (2, 3, 4), (1,), (5, 1)]):
        pair, delta = (normal(*shape), normal(*shape)), (0.3, 1.0, 2.0, 0.1, 5.0)[i]
        full, positive = i % 2 == 0, np.abs(normal(*shape)) + 0.1
        yield case(f"squared_error-{i}", fn.rules.squared_error, each(F.mse_loss, reduction="none"), *pair)
        yield case(f"absolute_error-{i}", fn.rules.absolute_error, each(F.l1_loss, reduction="none"), *pair)
        yield case(f"huber-{i}", fn.rules.huber, each(F.huber_loss, reduction="none", delta=delta), *pair, delta=delta)
        yield case(f"poisson_nll-{i}", fn.rules.poisson_nll, each(F.poisson_nll_loss, full=full, reduction="none"),
                   normal(*shape), 3 * positive, full=full)  # fmt: skip
        yield case(f"poisson_nll-rates-{i}", fn.rules.poisson_nll,
                   each(F.poisson_nll_loss, full=full, log_input=False, reduction="none"),
                   positive, 3 * positive[::-1].copy(), full=full, log_input=False)  # fmt: skip
        yield case(f"gaussian_nll-{i}", fn.rules.gaussian_nll, each(F.gaussian_nll_loss, full=full, reduction="none"),
                   *pair, positive, full=full)  # fmt: skip
        yield case(f"sigmoid_cross_entropy-{i}", fn.rules.sigmoid_cross_entropy,
                   each(F.binary_cross_entropy_with_logits, reduction="none"),
                   normal(*shape), RNG.uniform(size=shape))  # fmt: skip
    for i, (shape, smoothing, ignore, weighed) in enumerate(
        [
            ((3, 5), 0.0, None, False),
            ((4, 3), 0.1, None, True),
            ((6, 4), 0.0, 2, True),
            ((5, 2), 0.3, 1, False),
            ((2, 7), 0.2, 0, True),
        ]
    ):
        ids, weights = labelled(shape), np.abs(normal(shape[-1])) + 0.1 if weighed else None
        theirs = {"label_smoothing": smoothing, "ignore_index": -100 if ignore is None else ignore, "reduction": "none"}
        yield case(f"softmax_cross_entropy-{i}",
                   lambda x, ids=ids, w=weights, s=smoothing, g=ignore: fn.rules.softmax_cross_entropy(
                       x, jnp.asarray(ids), None if w is None else jnp.asarray(w), s, g),
                   lambda x, ids=ids, w=weights, o=theirs: F.cross_entropy(
                       x, torch.as_tensor(ids), None if w is None else torch.as_tensor(w), **o),
                   normal(*shape))  # fmt: skip
        t = np.exp(normal(*shape))
        yield case(f"softmax_cross_entropy-distributions-{i}", fn.rules.softmax_cross_entropy,
                   each(F.cross_entropy, reduction="none"), normal(*shape), t / t.sum(-1, keepdims=True))  # fmt: skip
        yield case(f"multiclass_hinge-{i}",
                   lambda x, ids=ids, m=smoothing + 0.5: fn.rules.multiclass_hinge(x, jnp.asarray(ids), m),
                   lambda x, ids=ids, m=smoothing + 0.5: x.shape[-1] * F.multi_margin_loss(
                       x, torch.as_tensor(ids), margin=m, reduction="none"), normal(*shape))  # fmt: skip
        yield case(f"triplet-{i}", fn.rules.triplet, each(F.triplet_margin_loss, margin=smoothing + 0.5, reduction="none"),
                   normal(*shape), normal(*shape), normal(*shape), margin=smoothing + 0.5)  # fmt: skip
        yield case(f"triplet-swap-{i}", fn.rules.triplet,
                   each(F.triplet_margin_loss, margin=smoothing + 2.0, swap=True, reduction="none"),
                   normal(*shape), normal(*shape), normal(*shape), margin=smoothing + 2.0, swap=True)  # fmt: skip
        yield case(f"cosine_distance-{i}", fn.rules.cosine_distance,
                   lambda x, y: 1 - F.cosine_similarity(x, y), normal(*shape), normal(*shape))  # fmt: skip
        yield case(f"kl_divergence-{i}", fn.rules.kl_divergence,
                   lambda x, y: F.kl_div(x, y, reduction="none").sum(-1),
                   normal(*shape), t / t.sum(-1, keepdims=True))  # fmt: skip
    for i, (batch, time, classes, n, blank) in enumerate(
        [(3, 7, 4, 3, 0), (2, 5, 3, 2, 2), (1, 1, 2, 1, 0), (4, 9, 5, 4, 1), (2, 12, 3, 5, 0)]
    ):
        y = (blank + RNG.integers(1, classes, (batch, n))) % classes  # the blank is in no target
        lengths = RNG.integers(2 * n - 1, time + 1, batch), RNG.integers(0, n + 1, batch)
        yield case(f"ctc-{i}",
                   lambda x, y=y, lengths=lengths, b=blank: fn.rules.ctc(x, jnp.asarray(y), *map(jnp.asarray, lengths), b),
                   lambda x, y=y, lengths=lengths, b=blank: F.ctc_loss(
                       x.log_softmax(-1).movedim(0, 1), *map(torch.as_tensor, (y, *lengths)), blank=b, reduction="none"),
                   normal(batch, time, classes))  # fmt: skip


@pytest.mark.parametrize(("rule", "peer", "args", "tolerance"), [*cases(), *norms(), *windows(), *losses()])
def test_value_and_gradients_are_pytorch_s(rule, peer, args, tolerance):
    y, vjp = jax.vjp(rule, *map(jnp.asarray, args))
    y_bar = np.asarray(RNG.normal(size=y.shape))
    theirs = [torch.tensor(a, requires_grad=True) for a in args]
    expected = peer(*theirs)
    bars = torch.autograd.grad(expected, theirs, torch.as_tensor(y_bar))
    assert_close(y, expected.detach().numpy(), tolerance, "value")
    assert_close(vjp(jnp.asarray(y_bar)), tuple(b.numpy() for b in bars), tolerance, "cotangent")
