"""Tables of text, whose columns are aligned."""

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> str:
    """The rows as lines, each column as wide as its widest cell.

    Args:
      rows: of equally many cells, the heads first.
      right: for each column whether its cells end at the right, as numbers do.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for cells in rows:
        places = zip(cells, widths, right, strict=True)
        lines.append("  ".join(f"{cell:>{w}}" if at_right else f"{cell:{w}}" for cell, w, at_right in places).rstrip())
    return "\n".join(lines)
