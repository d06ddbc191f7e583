"""The report of a sweep: one HTML file that says what came of it, to be read offline or mailed."""
