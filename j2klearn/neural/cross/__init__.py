"""The cross-component context model of P2: networks, integer networks, walk and entropy model."""
