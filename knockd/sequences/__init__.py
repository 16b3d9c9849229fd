"""Which sequence of a door is live now, and which are used up."""
