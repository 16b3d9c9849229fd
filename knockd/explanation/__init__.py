"""Why a knock opens or does not: each packet of one source, live or out of a capture, and what to change."""
