"""What the tests that need a network share: the namespace lab, daemons, services, crafted frames."""
