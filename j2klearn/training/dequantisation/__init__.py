"""Training of de-quantisation networks."""
