"""The wire to the app: docs/link.md, from the integration's side."""
