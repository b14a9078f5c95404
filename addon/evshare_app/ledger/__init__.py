"""Double entry with a hash chain."""
