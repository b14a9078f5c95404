"""A simulated building: cars, sun, house, and wall connectors that speak their real protocols.

It imports nothing of the product, so what it says of a register is an independent truth.
"""
