"""Training of the cross-component model."""
