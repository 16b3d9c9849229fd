"""Signed knocks in the keeper: which minutes and keys are live, and whether a packet opens."""
