"""Packets to events: all that the packet process judges by. Pure: bytes, values and times in, events out."""
