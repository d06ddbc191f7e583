"""Trials side by side: numbers, tables and figures."""
