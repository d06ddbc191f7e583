"""Augmentations of whole batches, with parameters of each image's own."""

from cvae_core.data.views.pipeline import make_views

__all__ = ["make_views"]
