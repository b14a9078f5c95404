"""Makes the integration importable as ``custom_components.evshare`` in tests and tools."""
