"""knock, the port-knock client: a drop-in for that of knockd 0.8."""
