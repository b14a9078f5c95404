"""A real Home Assistant that is watched from inside its own process; runs in Home Assistant's Python."""
