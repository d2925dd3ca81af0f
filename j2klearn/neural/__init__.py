"""The neural entropy profile: a learned context model in integers, mixtures, and a range coder."""
