"""Networks that remove quantisation noise after the synthesis."""
