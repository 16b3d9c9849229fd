"""Hosts, interfaces, services and tools for network tests."""
