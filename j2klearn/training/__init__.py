"""Training of transforms, entropy models and de-quantisation networks: data, settings, objectives and the loop."""
