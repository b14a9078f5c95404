"""evshare's app: people and money of a building whose stalls the Home Assistant integration drives."""

__version__ = "0.1.0"
