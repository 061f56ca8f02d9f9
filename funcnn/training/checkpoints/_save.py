"""One tree of arrays in one file: parameters, say."""

from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from ._files import write_file
from ._format import read_arrays, read_manifest
from ._named import EMPTY, as_numbers, layout_of, rebuilt, require_layout

Tree = TypeVar("Tree")


def save(path: str | PathLike[str], tree: Any) -> None:
    """Save the arrays of a pytree, such as parameters, in one file: dtypes and shapes as they are, keys of JAX too.

    The file is NumPy's npz with a sha256 of all that is in it. `numpy.load` reads it, where an array has the dotted path of
    its leaf as name, and bfloat16 is uint16. Containers are not saved: `load` takes them from a tree that is alike.

    Whatever interrupts it, a power failure included, there is afterwards the new file or what was there before, whole.

    Args:
      path: the file, such as ``"params.npz"``; its folder exists.
      tree: a pytree of arrays and numbers.

    Raises:
      TypeError: a leaf is not an array of numbers.
      ValueError: two leaves have the same dotted path, or a path cannot name a file.
      OSError: the file cannot be written. The error says how many bytes are needed and free.

    Example:
      >>> import tempfile
      >>> params = {"w": jnp.ones((2, 3), jnp.bfloat16), "b": jnp.zeros(3)}
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     save(f"{folder}/params.npz", params)
      ...     load(f"{folder}/params.npz", like=params)["w"].dtype
      dtype(bfloat16)
    """
    empty = [name for name, what in layout_of(tree).items() if what is EMPTY]
    write_file(Path(path), as_numbers(tree), {"empty": empty})


def load(path: str | PathLike[str], like: Tree) -> Tree:
    """Load what `save` saved.

    Args:
      path: the file.
      like: a pytree of the same containers, shapes and dtypes. Its leaves may be `jax.ShapeDtypeStruct`, as
        `jax.eval_shape` gives them. Where it has an array of NumPy, the result has one; others lie on its array's devices.

    Returns:
      The tree.

    Raises:
      OSError: the file cannot be read.
      ValueError: the file holds something else, and the error names every path that differs. Or it is damaged, forged, or
        was written by a newer version.

    Example:
      >>> import tempfile
      >>> model = linear(3)
      >>> x = jax.ShapeDtypeStruct((1, 2), jnp.float32)
      >>> like = jax.eval_shape(model.init, jax.random.key(0), x)
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     save(f"{folder}/params.npz", model.init(jax.random.key(1), x))
      ...     load(f"{folder}/params.npz", like)["w"].shape
      (2, 3)
    """
    entries, notes = read_manifest(Path(path))
    held = {name: str(entry.kind) for name, entry in entries.items()} | dict.fromkeys(notes["empty"], EMPTY)
    require_layout(f"{path} must hold what is in like", held, layout_of(like))
    return rebuilt(like, read_arrays(Path(path), entries))
