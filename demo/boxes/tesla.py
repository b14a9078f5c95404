"""Tesla Wall Connector Gen 3 (connectors.md 1; connectors.yaml ``tesla_twc3``).

Alone on a stand it is wired straight to the mains and feeds whoever plugs in. With the option ``contactor`` it hangs
behind one that begins open and is moved by its electronics' `switch_contactor`.
"""

from demo.boxes.model import Box, BoxModel, Kind, Site
from demo.connectors.tesla import Lifetime, Tesla, http_handler


def _twc3(site: Site) -> Box:
    (outlet,) = site.outlets
    options = site.options
    word = options.word("lifetime")
    if word not in tuple(Lifetime):
        raise ValueError(f"options: lifetime is {word!r}; accepted are {', '.join(Lifetime)}")
    tesla = Tesla(outlet.plan, options.number("seed"), contactor=options.flag("contactor"), lifetime=Lifetime(word))
    return Box(wallboxes=[tesla], handler=http_handler(tesla, outlet, _already_now))


def _already_now() -> None:
    """The wire has brought the box up to now."""


MODELS = (
    BoxModel(
        id="tesla_twc3",
        name="Tesla Wall Connector Gen 3",
        kind=Kind.HTTP,
        build=_twc3,
        serial="PGT00000000001",
        options={
            "contactor": False,
            # Decides which answers are broken JSON.
            "seed": 1,
            # "creeps" (as found in the field), "sound", "tenfold" or "stuck".
            "lifetime": Lifetime.CREEPS.value,
        },
    ),
)
