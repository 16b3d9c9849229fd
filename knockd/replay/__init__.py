"""The configuration against a capture file: what would have opened, and why the rest did not."""
