"""Trials of one shape that are trained at once, as one model with a dimension more."""

from cvae_core.training.packs.pack import Pack
from cvae_core.training.packs.together import why_not_together

__all__ = ["Pack", "why_not_together"]
