"""The link: the door the building's integration connects to. The wire is described in `docs/link.md`."""
