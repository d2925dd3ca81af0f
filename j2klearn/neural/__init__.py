"""The neural profile: a learned context model in integers, mixture distributions, and a range coder."""
