"""The integer twin of the network for single components: the same samples on every machine, without PyTorch."""
