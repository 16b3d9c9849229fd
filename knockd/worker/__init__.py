"""The packet process: what it is to the keeper, and what it does."""
