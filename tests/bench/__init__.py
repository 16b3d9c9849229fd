"""Benchmarks of ours beside Debian's knockd 0.8; ``make bench`` runs them all (see __main__.py)."""
