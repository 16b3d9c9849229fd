"""What the tests are measured by: coverage of each file by its own tests, planted faults."""
