"""How a long load tells how far it is."""

from __future__ import annotations

from collections.abc import Callable

OnProgress = Callable[[str, int, int], None]
"""What is being done, how much of it is done, and of how much (0: nobody knows)."""
