"""Transform models: configuration, weights, registry and cost. This folder also holds the shipped model files."""
