"""The control protocol: varlink's wire form, for both ends."""
