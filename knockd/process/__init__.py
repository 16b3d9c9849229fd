"""What the daemon's processes are made of: forks, rights, the link between them, the event loop."""
