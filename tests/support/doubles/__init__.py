"""Stand-ins for the world: a loop without time, a runner without processes, a disk without power."""
