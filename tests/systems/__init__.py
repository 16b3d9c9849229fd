"""Packages on whole systems: other processors, other C libraries, containers, systemd from its boot.

Each takes minutes and gigabytes, so each has a make target of its own and `make test` runs none.
"""
