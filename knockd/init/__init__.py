"""A first configuration (``knockd --init``): what is found on this host, chosen, written and said."""
