"""Daemons in a lab: started, knocked at, attacked and killed."""
