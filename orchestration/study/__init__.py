"""Optuna, boxed: what to ask next, and what came of it."""
