"""Openings to commands: leases, their journal, and the commands that open and close."""
