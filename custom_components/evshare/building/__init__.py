"""The running building: the only place where the pure parts meet I/O, and small because they decide everything."""
