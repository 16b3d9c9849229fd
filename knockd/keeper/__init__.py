"""The privileged process: openings to commands, the log, and the life of the packet process."""
