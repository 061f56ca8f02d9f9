"""Every rule with all that the rest of the library must know of it: tests, verify, benchmarks and docs loop over it.

A room's folder has a file for each page, of the page's name: what stands in it is in the catalogue.
"""

from importlib import import_module
from pkgutil import walk_packages

from ._arguments import Classes as Classes
from ._arguments import Key as Key
from ._arguments import Signs as Signs
from ._arguments import Simplex as Simplex
from ._arguments import Uniform as Uniform
from ._arguments import draw_all as draw_all
from ._entry import Edge as Edge
from ._entry import Entry as Entry
from ._entry import Example as Example
from ._entry import draw as draw
from ._entry import residual_bytes as residual_bytes

_PAGES = [page for page in walk_packages(__path__, f"{__name__}.") if page.name.count(".") == __name__.count(".") + 2]

catalogue: dict[str, Entry] = {entry.name: entry for page in _PAGES for entry in import_module(page.name).entries}
