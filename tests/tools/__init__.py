"""What keeps connector profiles and their page in order; `scripts/connectors` runs it."""
