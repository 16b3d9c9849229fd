"""How packages, pages and a release are built. Nothing here is installed."""
