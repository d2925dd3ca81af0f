"""The cross-component context model of P2."""
