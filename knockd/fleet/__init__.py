"""Several gateways, one door: burnt knocks and shared openings, over a store that all of them reach."""
