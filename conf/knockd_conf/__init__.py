"""Configuration text to values. Standard library only; imports nothing of the other packages."""
