"""Layer 1: what we want from the wire, as a term, as text and as a BPF program."""
