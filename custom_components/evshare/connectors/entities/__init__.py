"""Any charger that Home Assistant already has, as the hardware of a stall: its entities fill the ports.

Everything here works on the small protocol of ``source.py``; only ``hass.py`` knows Home Assistant.
"""
