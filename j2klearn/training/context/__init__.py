"""Training of the context model."""
