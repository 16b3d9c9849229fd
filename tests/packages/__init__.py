"""Packages are built, and what is in them is looked at; minutes at most, so `make test` runs them."""
