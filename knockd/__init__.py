"""A port-knock daemon, drop-in for knockd 0.8."""

__version__ = "0.9.0"
