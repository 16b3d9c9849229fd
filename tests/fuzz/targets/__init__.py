"""One target a file: its first sentence is the invariant, ``check`` raises where some bytes break it."""
