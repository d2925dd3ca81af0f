"""The base of all other packages: geometry, pictures, subbands, rate targets and limits."""
