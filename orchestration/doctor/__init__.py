"""Checks a machine for what a sweep needs. Starts no Ray, downloads nothing, leaves nothing."""
