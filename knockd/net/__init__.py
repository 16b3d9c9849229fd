"""What the kernel says of interfaces, addresses, routes and ports in use."""
