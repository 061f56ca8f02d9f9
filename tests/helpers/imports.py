"""Who imports whom in the package, read off the source: imports inside functions count too."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path


def imports_of(path: Path, root: Path) -> Iterator[Path]:
    """The files under root that a file imports, by relative or absolute import.

    Args:
      path: a file of the package.
      root: the folder of the package.

    Yields:
      A module's file, or a package's ``__init__.py`` where a name is taken from the package itself.
    """
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files(alias.name.split("."), [], root)
        elif isinstance(node, ast.ImportFrom):
            package = [root.name, *path.relative_to(root).parts[:-1]]
            base = package[: len(package) + 1 - node.level] if node.level else []
            dotted = base + (node.module.split(".") if node.module else [])
            yield from _files(dotted, [alias.name for alias in node.names], root)


def graph_of(root: Path) -> dict[Path, set[Path]]:
    """For each file of a package the files that it imports."""
    return {path: set(imports_of(path, root)) for path in sorted(root.rglob("*.py"))}


def circle_in(graph: dict[Path, set[Path]]) -> list[Path] | None:
    """Files each of which imports the one before it, and the first the last; None where there is no such circle."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return None


def _files(dotted, names, root):
    if dotted[0] != root.name:
        return
    place = root.joinpath(*dotted[1:])
    submodules = [file for name in names if (file := _file(place / name))]
    yield from submodules
    if len(submodules) < len(names) or not names:
        yield _file(place) or place


def _file(place):
    """The file of a module or a package; None where there is neither."""
    candidates = place.with_name(f"{place.name}.py"), place / "__init__.py"
    return next((file for file in candidates if file.exists()), None)
