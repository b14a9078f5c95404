"""Whom a simulated OCPP box lets in without asking: its memory of cards, as its configuration has it. Pure."""

from demo.boxes.ocpp_configuration import Configuration


class CardMemory:
    """The cards its central system accepted before (the authorisation cache of OCPP 1.6, section 3.5.1)."""

    def __init__(self, configuration: Configuration) -> None:
        """Empty."""
        self._configuration = configuration
        self._cards: set[str] = set()

    def accepted(self, uid: str) -> None:
        """The central system let this card in."""
        if self._configuration.on("AuthorizationCacheEnabled"):
            self._cards.add(uid)

    def clear(self) -> None:
        """Forget them all."""
        self._cards.clear()

    def lets_in(self, uid: str, *, online: bool) -> bool:
        """Whether it asks nobody about this card: one it knows, and offline perhaps one it does not."""
        on = self._configuration.on
        known = on("AuthorizationCacheEnabled") and uid in self._cards
        if online:
            return known and on("LocalPreAuthorize")
        return (known and on("LocalAuthorizeOffline")) or on("AllowOfflineTxForUnknownId")
