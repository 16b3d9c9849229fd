"""The knock client."""
