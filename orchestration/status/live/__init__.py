"""A sweep at work, on a terminal."""
