"""Files that root reads or writes, safe from other users."""
