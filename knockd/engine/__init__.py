"""Pure logic: no sockets, clock, files, processes or logging. Time is an argument."""
