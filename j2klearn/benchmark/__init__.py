"""The benchmark against JPEG 2000: curves, tables and pictures by one command.

Data flow one way: pictures and a protocol (`protocol`) through codecs (`codecs`, `peers`) to measurements
(`measure`), kept in a folder (`store`), averaged and compared (`deltas`, `results`), and shown (`tables`, `report`).
"""
