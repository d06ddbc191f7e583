"""Optuna, boxed: suggestions, importances, fronts, and the way into its storages."""
