"""Every hand-written derivative of jax.nn, jax.numpy, jax.scipy.special and optax's losses, audited at all sorts of inputs.

Prints a row a rule, then what looks like a real fault. That is a Jacobian in single precision, reverse or forward, which is
not finite, or wrong. Finite differences in double precision determine it, from both sides and with two steps.
Run: python -m benchmarks.audit_survey [a part of a function's name]
"""

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import jax.scipy.special as special
import numpy as np
import optax
from jax import nn

from funcnn.verify import audit

INF = np.inf
LINE = {
    "natural": [-1.7, -0.4, 0.3, 1.9],
    "zeros": [0.0, 0.0, 0.0, 0.0],
    "kinks": [-3.0, -1.0, 1.0, 6.0],
    "large": [-200.0, -30.0, 40.0, 300.0],
    "huge": [-2e4, -3e3, 3e3, 2e4],
    "tiny": [-1e-20, 1e-20, 1e-8, -1e-8],
}
POSITIVE = {"natural": [0.3, 0.9, 2.5, 7.1], "large": [30.0, 100.0, 500.0, 3e4], "tiny": [1e-20, 1e-10, 1e-6, 1e-4]}
UNIT = {"natural": [0.1, 0.4, 0.6, 0.95], "tiny": [1e-20, 1e-10, 1e-6, 1e-4], "ends": [0.0, 1e-7, 1 - 1e-6, 1.0]}
ROWS = {
    "natural": [[0.3, -1.2, 0.8], [2.0, 0.1, -0.5]],
    "ties": [[1.0, 1.0, 1.0], [0.0, 0.0, -2.0]],
    "large": [[100.0, -100.0, 30.0], [1e4, 0.0, -1e4]],
    "-inf": [[0.3, -INF, 0.8], [2.0, 0.1, -INF]],
}
FINITE = {k: v for k, v in ROWS.items() if k != "-inf"}
ONE_HOT, SOFT = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], [[0.2, 0.0, 0.8], [0.4, 0.6, 0.0]]
LABELS = {"one-hot": ONE_HOT, "soft": SOFT}
MATRIX = {
    "natural": [[2.0, 0.3, -1.0], [0.4, 1.5, 0.2], [-0.7, 0.1, 1.1]],
    "singular": [[1.0, 2.0, 0.0], [2.0, 4.0, 0.0], [0.0, 0.0, 1.0]],
}


class Subject(NamedTuple):
    """A function and its inputs: kinds of values for each argument, all combined."""

    name: str
    f: Callable
    arguments: tuple[dict, ...]


def subjects() -> list[Subject]:
    """What is surveyed, as far as this JAX has it."""
    return [s for s in of_nn() + of_numpy() + of_special() + losses() + projections() if s.f is not None]


def of_nn() -> list[Subject]:
    """Of jax.nn, each rule."""
    activations = [
        *("relu", "relu6", "sigmoid", "softplus", "sparse_plus", "sparse_sigmoid", "soft_sign", "silu", "mish", "tanh"),
        *("log_sigmoid", "elu", "leaky_relu", "hard_tanh", "celu", "selu", "gelu", "squareplus", "hard_sigmoid"),
        *("hard_silu", "glu"),
    ]
    found = [Subject(f"nn.{name}", getattr(nn, name), (LINE,)) for name in activations]
    found += [Subject("nn.log1mexp", nn.log1mexp, (POSITIVE,))]
    rows = ["softmax", "log_softmax", "logsumexp", "logmeanexp", "standardize"]
    found += [Subject(f"nn.{name}", getattr(nn, name, None), (ROWS,)) for name in rows]
    masked = lambda f: lambda x: f(x, where=jnp.isfinite(x) & (x < 1))
    found += [Subject(f"nn.{name}, where", masked(getattr(nn, name)), (ROWS,)) for name in ("softmax", "log_softmax")]
    attend = lambda x: nn.dot_product_attention(x[:, None], x[:, None], x[:, None])
    return [*found, Subject("nn.dot_product_attention", attend, (FINITE,))]


def of_numpy() -> list[Subject]:
    """Of jax.numpy and its linalg, each rule."""
    pairs = {"natural": [-1.0, 0.5, 2.0, 3.0], "-inf": [-INF, -INF, 0.0, 1.0], "large": [-200.0, 300.0, 0.0, 50.0]}
    found = [Subject(f"numpy.{name}", getattr(jnp, name), (pairs, pairs)) for name in ("logaddexp", "logaddexp2")]
    found += [Subject(f"numpy.{name}", getattr(jnp, name), (LINE,)) for name in ("sinc", "i0")]
    found += [Subject("numpy.frexp", lambda x: jnp.frexp(x)[0], (LINE,))]
    found += [Subject(f"linalg.{name}", getattr(jnp.linalg, name), (MATRIX,)) for name in ("det", "pinv")]
    return [*found, Subject("linalg.slogdet", lambda a: jnp.linalg.slogdet(a)[1], (MATRIX,))]


def of_special() -> list[Subject]:
    """Of jax.scipy.special, each rule."""
    line = ["i0", "i0e", "i1", "i1e", "erf", "erfc", "erfcx", "dawsn", "log_ndtr", "ndtr", "expit", "sici"]
    found = [Subject(f"special.{name}", getattr(special, name, None), (LINE,)) for name in line]
    # Of tiny numbers, JAX 0.10's exp1 does not come to an end.
    above = {k: v for k, v in POSITIVE.items() if k != "tiny"}
    found += [Subject("special.exp1", special.exp1, (above,))]
    found += [Subject("special.expn", lambda x: special.expn(jnp.int32(3), x), (above,))]
    positive = ["gammaln", "digamma", "expi", "entr", "spence", "loggamma"]
    found += [Subject(f"special.{name}", getattr(special, name, None), (POSITIVE,)) for name in positive]
    found += [
        Subject(f"special.{name}", getattr(special, name, None), (UNIT,)) for name in ("logit", "ndtri", "erfinv")
    ]
    zero = POSITIVE | {"zeros": [0.0, 0.0, 0.0, 0.0]}
    for name in ["xlogy", "xlog1py", "rel_entr", "kl_div", "boxcox", "boxcox1p"]:
        found.append(Subject(f"special.{name}", getattr(special, name, None), (zero, zero)))
    for name in ["betaln", "beta", "zeta", "poch", "owens_t", "gammainc"]:
        found.append(
            Subject(f"special.{name}", getattr(special, name, None), ({"natural": [1.5, 2.2, 3.1, 4.7]}, POSITIVE))
        )
    found += [Subject("special.polygamma", lambda x: special.polygamma(1, x), (POSITIVE,))]
    found += [Subject("special.multigammaln", lambda x: special.multigammaln(x + 2, 3), (POSITIVE,))]
    a, b = {"natural": [0.7, 1.2, 2.0, 3.5]}, {"natural": [1.9, 2.3, 4.1, 5.5]}
    found += [Subject("special.hyp1f1", special.hyp1f1, (a, b, LINE))]
    small = {"natural": [-0.7, -0.1, 0.2, 0.6], "zeros": [0.0] * 4}
    return [*found, Subject("special.hyp2f1", getattr(special, "hyp2f1", None), (a, a, b, small))]


def losses() -> list[Subject]:
    """Of optax, each."""
    return losses_of_labels() + losses_of_classes() + losses_of_structure()


def losses_of_labels() -> list[Subject]:
    """Those whose labels are numbers or distributions."""
    o, found = optax.losses, []
    for name in ["safe_softmax_cross_entropy", "softmax_cross_entropy", "poly_loss_cross_entropy", "dice_loss"]:
        found.append(Subject(f"losses.{name}", getattr(o, name), (ROWS, LABELS)))
    found += [Subject("losses.ranking_softmax_loss", o.ranking_softmax_loss, (ROWS, LABELS))]
    for name in [
        "sigmoid_binary_cross_entropy",
        "sigmoid_focal_loss",
        "hinge_loss",
        "perceptron_loss",
        "binary_dice_loss",
    ]:
        found.append(Subject(f"losses.{name}", getattr(o, name), (FINITE, LABELS)))
    for name in ["squared_error", "l2_loss", "huber_loss", "log_cosh", "cosine_similarity", "cosine_distance"]:
        found.append(Subject(f"losses.{name}", getattr(o, name), (FINITE | {"zeros": np.zeros((2, 3))}, LABELS)))
    log_p = {"natural": np.log([[0.2, 0.3, 0.5], [0.1, 0.6, 0.3]]), "equal": np.log(np.maximum(SOFT, 1e-9)),
             "-inf": [[np.log(0.2), -INF, np.log(0.8)], [np.log(0.4), np.log(0.6), -INF]]}  # fmt: skip
    for name in ["kl_divergence", "convex_kl_divergence", "generalized_kl_divergence"]:
        found.append(Subject(f"losses.{name}", getattr(o, name), (log_p, LABELS)))
    found += [Subject("losses.kl_divergence_with_log_targets", o.kl_divergence_with_log_targets, (log_p, log_p))]
    return [*found, Subject("losses.smooth_labels", lambda x: o.smooth_labels(x, 0.1), (LABELS,))]


def losses_of_classes() -> list[Subject]:
    """Those whose labels are numbers of classes."""
    o, found, ids = optax.losses, [], jnp.array([1, 0])
    for name in [
        "softmax_cross_entropy_with_integer_labels",
        "multiclass_hinge_loss",
        "multiclass_perceptron_loss",
        "multiclass_sparsemax_loss",
    ]:
        one = lambda x, f=getattr(o, name): f(x, ids)
        found.append(Subject(f"losses.{name}", one, (ROWS if "entropy" in name else FINITE,)))
    sparse = lambda x: o.sparsemax_loss(x, jnp.array([1, 0, 1, 0]))
    return [*found, Subject("losses.sparsemax_loss", sparse, (LINE,))]


def losses_of_structure() -> list[Subject]:
    """Those of sequences, of masks and of points."""
    o = optax.losses
    padding = jnp.zeros((1, 3)), jnp.array([[1, 2]]), jnp.zeros((1, 2))
    ctc = lambda x: o.ctc_loss(
        x[None], padding[0].astype(x.dtype)[:, : x.shape[0]], padding[1], padding[2].astype(x.dtype)
    )
    found = [Subject("losses.ctc_loss", ctc, ({"natural": np.eye(3), "ties": np.zeros((3, 3))},))]
    dice = lambda x: o.multiclass_generalized_dice_loss(x[None], jnp.asarray(ONE_HOT, x.dtype)[None])
    found += [Subject("losses.multiclass_generalized_dice_loss", dice, (FINITE,))]
    points = FINITE | {"equal": [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]}
    found += [
        Subject("losses.ntxent", lambda x: o.ntxent(jnp.concatenate([x, x + 1]), jnp.array([0, 1, 0, 1])), (points,))
    ]
    found += [Subject("losses.triplet_margin_loss", o.triplet_margin_loss, (points, points, FINITE))]
    young = o.make_fenchel_young_loss(nn.logsumexp)
    return [*found, Subject("losses.fenchel_young", lambda x, y: young(x[0], y[0]), (FINITE, LABELS))]


def projections() -> list[Subject]:
    """Of optax, those of one vector; and a gradient scaled on purpose."""
    points = {"natural": [0.3, -1.2, 0.8], "inside": [0.2, 0.3, 0.5], "ties": [1.0, 1.0, 1.0], "zeros": [0.0, 0.0, 0.0]}
    names = ["simplex", "l1_ball", "l1_sphere", "l2_ball", "l2_sphere", "linf_ball", "non_negative", "hypercube"]
    return [
        Subject(f"projection_{name}", getattr(optax.projections, f"projection_{name}"), (points,)) for name in names
    ]


def combinations(arguments):
    """Each argument's kinds, combined; the kinds' names and the values."""
    combined = [((), ())]
    for kinds in arguments:
        combined = [((*names, k), (*values, v)) for names, values in combined for k, v in kinds.items()]
    return [(", ".join(names), [np.asarray(v, np.float32) for v in values]) for names, values in combined]


def truth(f, args, i):
    """The Jacobian by differences to the right and to the left, NaN where two steps do not agree; and their resolution."""
    wide = [jnp.asarray(a, jnp.float64) for a in args]
    phi = jax.jit(lambda x: jnp.concatenate([jnp.ravel(y) for y in jax.tree.leaves(f(*wide[:i], x, *wide[i + 1 :]))]))
    x = np.asarray(wide[i])
    y, sizes = np.asarray(phi(x)), np.where((np.abs(x) > 0) & np.isfinite(x), np.abs(x), 0.1)
    rise = lambda place, h: np.asarray(phi(x + h * (np.arange(x.size).reshape(x.shape) == place))) - y

    def side(sign):
        columns = []
        for place, size in enumerate(sizes.flat):
            steps = [sign * size * step for step in (1e-3, 3e-4)]
            wide, near = ((4 * rise(place, h) - rise(place, 2 * h)) / (2 * h) for h in steps)
            steady = np.abs(wide - near) <= 1e-3 * np.abs(near) + 1e-5 * np.max(np.abs(near), initial=0)
            columns.append(np.where(steady, near, np.nan))
        return np.stack(columns, -1)

    return side(1), side(-1), 1e-14 * np.abs(y)[:, None] / (3e-4 * sizes.ravel())


def faults(f, args, i):
    """Where a derivative is far from both sides: ``(argument, mode, output, input, got, expected, how many)``."""
    with jax.enable_x64(True):
        right, left, resolution = truth(f, args, i)
    arrays = [jnp.asarray(a) for a in args]
    values = np.concatenate([np.ravel(y) for y in jax.tree.leaves(f(*arrays))])[:, None]
    known = np.isfinite(right) & np.isfinite(left) & np.isfinite(values) & (np.abs(right) < 1e30)
    scale = np.max(np.abs(np.where(known, right, 0)), axis=-1, keepdims=True, initial=1e-18)
    slack = 1e-2 * scale + resolution
    for mode, jacobian in {"reverse": jax.jacrev, "forward": jax.jacfwd}.items():
        parts = jax.tree.leaves(jacobian(f, i)(*arrays))
        got = np.concatenate([np.asarray(p, np.float64).reshape(-1, args[i].size) for p in parts])
        low, high = np.fmin(right, left) - slack, np.fmax(right, left) + slack
        wrong = known & ~((got >= low) & (got <= high))
        if wrong.any():
            j, k = np.argwhere(wrong)[0]
            yield i, mode, int(j), int(k), got[j, k], (left[j, k], right[j, k]), int(wrong.sum())


def short(path):
    """A file's path from its package on."""
    parts = Path(path).parts
    return str(Path(*parts[parts.index("site-packages") + 1 :])) if "site-packages" in parts else Path(path).name


def main():
    """Survey everything whose name has the word given."""
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    warnings.simplefilter("ignore")
    print(f"JAX {jax.__version__}, optax {optax.__version__}\n")
    print(f"{'function':42} {'inputs':22} {'rule':22} {'site':48} {'status':12} error")
    suspects = []
    for subject in (s for s in subjects() if word in s.name):
        for kinds, args in combinations(subject.arguments):
            try:
                rows = audit(subject.f, *(jnp.asarray(a) for a in args)).rows
                found = [fault for i in range(len(args)) for fault in faults(subject.f, args, i)]
            except Exception as error:
                print(f"{subject.name:42} {kinds:22} cannot be run: {type(error).__name__}: {str(error)[:90]}")
                continue
            for row in rows:
                site = row.stack[0] if row.stack else f"{row.file}:{row.line}"
                error = max(row.errors.values(), default=0.0)
                line = f"{subject.name:42} {kinds:22} {row.name:22} {short(site):48} {row.status:12} {error:.1e}"
                print(f"{line}  {row.reason}".rstrip(), flush=True)
            ruled = {row.status for row in rows} or {"no rule"}
            suspects += [(subject.name, kinds, *fault, args, ruled) for fault in found]
    print(f"\n{len(suspects)} suspects: where, what came, and the differences from the left and from the right")
    for name, kinds, i, mode, j, k, got, expected, count, args, ruled in suspects:
        print(f"\n{name} [{kinds}] argument {i}, {mode}: d y[{j}] / d x[{k}] is {got:.6g}, expected {expected[0]:.6g} … "
              f"{expected[1]:.6g} ({count} elements; audit: {', '.join(sorted(ruled))})")  # fmt: skip
        print("   at", "; ".join(np.array2string(a, separator=", ").replace("\n", "") for a in args))


if __name__ == "__main__":
    main()
