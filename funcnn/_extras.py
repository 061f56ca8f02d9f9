"""Libraries that are needed for a part of this one only, imported where that part is used."""

from importlib import import_module
from typing import Any


def extra(module: str, name: str) -> Any:
    """The module of a library that comes with one of this package's extras.

    Raises:
      ImportError: it is not installed. The message says how to install it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        library = module.partition(".")[0]
        message = f"{library} is needed here, and it cannot be imported ({error}): pip install 'funcnn[{name}]'"
        raise ImportError(message, name=library) from error
