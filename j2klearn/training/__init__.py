"""Training of learned lifting structures: data, quantiser, rate proxy and the loop."""
