"""One run, from request to summary."""
