"""Reviews of the log: lines to entries, entries to a summary, a summary to text, JSON or a page."""
