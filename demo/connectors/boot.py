"""What all wall connectors share: they take a while to start, and offer nothing meanwhile."""


class Boot:
    """Counts the seconds since power or a restart."""

    def __init__(self, boot_s: int, *, booted: bool = True) -> None:
        """A device that needs `boot_s` seconds until its network interface answers."""
        self._boot_s = boot_s
        self.uptime_s = boot_s if booted else 0

    @property
    def left_s(self) -> int:
        """Seconds until it answers."""
        return max(self._boot_s - self.uptime_s, 0)

    def restart(self) -> None:
        """Begin again."""
        self.uptime_s = 0

    def second(self) -> bool:
        """Live one second; returns whether it is up."""
        self.uptime_s += 1
        return self.left_s == 0
