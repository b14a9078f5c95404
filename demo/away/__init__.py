"""A car at every quality of lock while Home Assistant is really stopped and started, faster than real time.

One building of many wall connectors (`parking.py`), stood up and set up in Home Assistant (`house.py`), four rounds in
which it is gone for eight minutes (`rounds.py`), and what must be true of its journal afterwards (`verdict.py`).
"""
