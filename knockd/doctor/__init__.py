"""What locks people out on this host, and what to do about it."""
