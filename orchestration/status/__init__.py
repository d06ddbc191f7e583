"""How a sweep stands: as plain values, and on a terminal."""
