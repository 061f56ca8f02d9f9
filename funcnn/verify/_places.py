"""Where this package lies: said here alone, since a path by depth breaks quietly when a file moves."""

from pathlib import Path

VERIFY = str(Path(__file__).parent)
PACKAGE = str(Path(__file__).parent.parent)
