"""The hardware of a stall behind the five ports (``ports.py``), described by profiles (``profiles/*.yaml``)."""
