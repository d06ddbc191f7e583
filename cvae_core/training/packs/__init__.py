"""Trials of one shape that are trained at once, as one model with a dimension more."""
