"""The benchmark against JPEG 2000: curves, tables and crops with one command.

`run` sends pictures and a `protocol` through the `codecs`. `measure` makes the measurements, `store` keeps them in a
folder, `results` averages and compares them, and `report` shows them.
"""
