"""What will surprise in a good configuration, on this host, in sentences for a person."""
