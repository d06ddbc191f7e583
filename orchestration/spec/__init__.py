"""The sweep file: read, layered and validated; a trial's settings, key and name."""
