"""Events to log lines: what an event says, and where its line goes."""
