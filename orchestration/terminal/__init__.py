"""How text, tables and redrawn lines reach a terminal."""
