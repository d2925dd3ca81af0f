"""Transform models: configuration, weights, registry, cost; the shipped files lie here too."""
