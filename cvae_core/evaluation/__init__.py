"""Judging a trained model. Test images are touched here alone, and once."""
