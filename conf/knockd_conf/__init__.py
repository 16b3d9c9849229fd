"""Layer 0: configuration text to values. Standard library only."""
