"""Tables of maps, as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable


def table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> bytes:
    """A CSV file: a header and its rows, floats with five digits after the point."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(
        [f"{cell:.5f}" if isinstance(cell, float) else cell for cell in row] for row in rows
    )
    return stream.getvalue().encode()
