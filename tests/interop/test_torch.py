"""State dicts of PyTorch become parameters; what does not fit is named. Of PyTorch's own modules where it is installed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import funcnn as fn
from tests.helpers.judge import assert_close

RNG = np.random.default_rng(0)
BLOCK = lambda n, **options: (fn.conv(n, (3, 3), padding=((1, 1), (1, 1)), **options), fn.batch_norm(), fn.relu)
MODEL = fn.serial(
    body=fn.serial(*BLOCK(4), *BLOCK(6, stride=2, groups=2)),
    head=fn.serial(fn.flatten, fn.linear(5), fn.layer_norm(), fn.linear(3)),
)
NAMES = {"features": "body", "fc": "head.1", "norm": "head.2", "classifier.0": "head.3"}
SHAPES = {
    "features.0.weight": (4, 2, 3, 3),
    "features.0.bias": (4,),
    "features.3.weight": (6, 2, 3, 3),
    "features.3.bias": (6,),
    **{f"features.1.{name}": (4,) for name in ("weight", "bias", "running_mean", "running_var")},
    **{f"features.4.{name}": (6,) for name in ("weight", "bias", "running_mean", "running_var")},
    "features.1.num_batches_tracked": (),
    "features.4.num_batches_tracked": (),
    "fc.weight": (5, 96),
    "fc.bias": (5,),
    "norm.weight": (5,),
    "norm.bias": (5,),
    "classifier.0.weight": (3, 5),
    "classifier.0.bias": (3,),
}
X = RNG.normal(size=(2, 8, 8, 2)).astype("float32")


def like():
    return jax.eval_shape(MODEL.init, jax.random.key(0), X)


def unflattened(w):
    """The weight of a Linear behind a Flatten of [6, 4, 4] images, for images [4, 4, 6]."""
    return w.reshape(-1, 6, 4, 4).transpose(2, 3, 1, 0).reshape(96, -1)


CONVERT = {"fc.weight": unflattened}


def state_dict():
    return {name: RNG.normal(size=shape).astype("float32") for name, shape in SHAPES.items()}


def test_weights_are_turned_and_everything_else_is_as_it_was():
    arrays = state_dict()
    params = fn.interop.from_torch(arrays, NAMES, like(), CONVERT)
    w = params["body"][3]["w"]
    assert w.dtype == jnp.float32
    assert float(w[2, 1, 0, 5]) == arrays["features.3.weight"][5, 0, 2, 1]
    assert_close(params["head"][3]["w"], jnp.asarray(arrays["classifier.0.weight"].T), 0.0)
    assert_close(params["body"][1]["variance"], jnp.asarray(arrays["features.1.running_var"]), 0.0)
    assert_close(params["head"][2]["scale"], jnp.asarray(arrays["norm.weight"]), 0.0)
    # channel 1, row 2, column 3 there is row 2, column 3, channel 1 here
    assert float(params["head"][1]["w"].reshape(4, 4, 6, 5)[2, 3, 1, 4]) == arrays["fc.weight"][4, 16 + 8 + 3]


def test_a_name_maps_a_leaf_or_the_whole():
    like = {"token": jnp.zeros(3), "embed": {"table": jnp.zeros((4, 3))}}
    arrays = {"cls": np.ones(3), "embed.weight": np.ones((4, 3))}
    assert_close(fn.interop.from_torch(arrays, {"cls": "token", "": ""}, like)["embed"]["table"], jnp.ones((4, 3)), 0.0)
    linear = fn.interop.from_torch({"weight": np.ones((2, 3))}, {"": ""}, {"w": jnp.zeros((3, 2))})
    assert_close(linear, {"w": jnp.ones((3, 2))}, 0.0)


def test_everything_that_does_not_fit_is_named():
    arrays = state_dict() | {"extra.weight": np.ones(2), "fc.bias": np.ones(4)}
    del arrays["norm.bias"]
    names = {name: layer for name, layer in NAMES.items() if layer != "head.3"}
    with pytest.raises(ValueError, match="from_torch: ") as error:
        fn.interop.from_torch(arrays, names, like(), CONVERT | {"fc2.weight": unflattened})
    assert str(error.value).removeprefix("from_torch: ").split("; ") == [
        "head.2.shift is missing: there is no norm.bias in the state dict",
        "head.3.b is missing: it is in none of the layers in names",
        "head.3.w is missing: it is in none of the layers in names",
        "head.1.b must be [5], got [4]",
        "classifier.0.weight of the state dict is left over",
        "classifier.0.bias of the state dict is left over",
        "extra.weight of the state dict is left over",
        "fc2.weight of convert is not read",
    ]


def test_what_is_no_mapping_is_refused():
    with pytest.raises(TypeError, match="from_torch: names must be a mapping by names, got str"):
        fn.interop.from_torch(state_dict(), "features", like())


def module(torch):
    """The same network in PyTorch, as it is after some training."""
    nn = torch.nn
    torch.manual_seed(0)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = nn.Sequential(
                *(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()),
                *(nn.Conv2d(4, 6, 3, padding=1, stride=2, groups=2), nn.BatchNorm2d(6), nn.ReLU()),
            )
            self.fc, self.norm = nn.Linear(96, 5), nn.LayerNorm(5)
            self.classifier = nn.Sequential(nn.Linear(5, 3))

        def forward(self, x):
            return self.classifier(self.norm(self.fc(torch.flatten(self.features(x), 1))))

    net = Net()
    for _ in range(5):
        net(torch.randn(8, 2, 8, 8))
    return net.eval()


def test_a_convolutional_net_of_pytorch_has_equal_outputs():
    torch = pytest.importorskip("torch")
    net = module(torch)
    with torch.no_grad():
        expected = net(torch.as_tensor(X).permute(0, 3, 1, 2)).numpy()
    params = fn.interop.from_torch(net.state_dict(), NAMES, like(), CONVERT)
    assert_close(MODEL.apply(params, X), jnp.asarray(expected), 1e-5)
    with pytest.raises(TypeError, match=r"Linear of torch, whose .*from_torch"):
        fn.as_layer(net.fc)


def test_half_precision_of_pytorch_is_read():
    torch = pytest.importorskip("torch")
    like = {"w": jax.ShapeDtypeStruct((3, 2), jnp.float32)}
    for dtype in (torch.bfloat16, torch.float16):
        arrays = {"weight": torch.ones((2, 3), dtype=dtype, requires_grad=True)}
        assert_close(fn.interop.from_torch(arrays, {"": ""}, like), {"w": jnp.ones((3, 2), jnp.float32)}, 0.0)
