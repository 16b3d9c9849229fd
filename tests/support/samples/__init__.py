"""Frames, journals, traces and prefilters to try things on."""
