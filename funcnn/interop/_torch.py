"""Parameters of PyTorch's modules."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .._core import PyTree
from ._named import by_path, filled

_LEAVES = {  # what PyTorch calls the arrays of a layer
    "w": "weight",
    "b": "bias",
    "scale": "weight",
    "shift": "bias",
    "mean": "running_mean",
    "variance": "running_var",
    "table": "weight",
    "a": "weight",
}
NO_CONVERSIONS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {}


def from_torch(
    state_dict: Mapping[str, Any],
    names: Mapping[str, str],
    like: PyTree,
    convert: Mapping[str, Callable[[np.ndarray], np.ndarray]] = NO_CONVERSIONS,
) -> Any:
    """Parameters out of the state dict of a PyTorch module.

    The weights of Linear and Conv, ``[out, in, *window]`` there, become ``[*window, in, out]``. Norms, embeddings and
    biases are as they are. What a norm counts, ``num_batches_tracked``, is left out.

    What only looks as if it fitted is for ``convert``:

    - the weight of a Linear behind a Flatten of images, which PyTorch flattens as ``[channels, height, width]`` and this
      library as ``[height, width, channels]``;
    - the weight of a ConvTranspose, which is ``[in, out, *window]`` there and turned around.

    Args:
      state_dict: arrays by PyTorch's names, such as ``module.state_dict()`` or a safetensors file has. PyTorch itself is
        not imported.
      names: what each part of PyTorch's module is here: the dotted path of the layer by that of the module, such as
        ``{"features.0": "body.0"}``. What is inside keeps its path. ``""`` is the whole.
      like: the model's parameters, or their `jax.ShapeDtypeStruct`, such as ``jax.eval_shape(model.init, key, x)`` gives.
      convert: functions of NumPy arrays by PyTorch's names, in place of the transposition.

    Returns:
      Parameters such as like, in its dtypes.

    Raises:
      TypeError: state_dict, names or convert is not a mapping.
      ValueError: an array is missing, left over or of another shape. All of them are named.

    Example:
      >>> like = serial(linear(2), relu).init(jax.random.key(0), jnp.ones((4, 3)))
      >>> state_dict = {"fc.weight": jnp.ones((2, 3)), "fc.bias": jnp.zeros(2)}
      >>> interop.from_torch(state_dict, {"fc": "0"}, like)[0]["w"].shape
      (3, 2)
    """
    for name, mapping in {"state_dict": state_dict, "names": names, "convert": convert}.items():
        if not isinstance(mapping, Mapping):
            raise TypeError(f"from_torch: {name} must be a mapping by names, got {type(mapping).__name__}")
    arrays, reasons, read = {}, {}, set()
    for path in by_path("from_torch", like):
        name = _name(path, names)
        if name is None:
            reasons[path] = ": it is in none of the layers in names"
        elif name not in state_dict:
            reasons[path] = f": there is no {name} in the state dict"
        else:
            read.add(name)
            a = as_numpy(state_dict[name])
            arrays[path] = convert[name](a) if name in convert else _turned(path, a)
    unread = [name for name in state_dict if name not in read and not name.endswith("num_batches_tracked")]
    problems = [f"{name} of the state dict is left over" for name in unread]
    problems += [f"{name} of convert is not read" for name in convert if name not in read]
    return filled("from_torch", like, arrays, cast=True, reasons=reasons, problems=problems)


def _name(path: str, names: Mapping[str, str]) -> str | None:
    """PyTorch's name of what is at a path here."""
    around = {layer: module for module, layer in names.items() if _is_inside(path, layer)}
    if not around:
        return None
    layer = max(around, key=len)
    *inside, leaf = path.removeprefix(layer).removeprefix(".").split(".")
    return ".".join(part for part in (around[layer], *inside, _LEAVES.get(leaf, leaf)) if part)


def _is_inside(path, layer):
    return not layer or path == layer or path.startswith(f"{layer}.")


def as_numpy(a) -> np.ndarray:
    """An array of PyTorch or any other as NumPy's, on the host; bfloat16, which NumPy lacks, as float32."""
    if hasattr(a, "detach"):
        a = a.detach().cpu()
        a = a.float() if str(a.dtype) == "torch.bfloat16" else a
    return np.asarray(a)


def _turned(path, a):
    return np.moveaxis(a, (0, 1), (-1, -2)) if path.rpartition(".")[2] == "w" and a.ndim > 1 else a
