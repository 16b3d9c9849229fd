"""Oracles: the rules again, slow and obvious; the kernel; checkers of what was noted."""
