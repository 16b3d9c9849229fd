"""Attacks on every parser of what others wrote: a target states one invariant, atheris tries to break it."""
