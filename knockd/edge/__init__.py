"""One outside thing a file. Edges do not import each other."""
