"""A port-knock daemon, drop-in for knockd 0.8."""

__version__ = "1.0.0"
