"""Simulated wall connectors, one file per family, each model stood up alone by `demo.boxes.stand.Stand`.

Their behaviour comes from the connector reference alone; they know nothing of the product. Ids are those of
``connectors.yaml``.
"""

from collections.abc import Mapping
from types import MappingProxyType

from demo.boxes import (
    abb,
    alfen,
    amperfied,
    bender,
    goe,
    heidelberg,
    keba,
    mennekes,
    nrgkick,
    nrgkick_modbus,
    openevse,
    openwb,
    peblar_modbus,
    peblar_rest,
    phoenix,
    shelly,
    smartevse,
    tesla,
    v2c,
    vestel,
    warp,
    warp_modbus,
    webasto,
)
from demo.boxes.model import BoxModel

_FAMILIES: tuple[tuple[BoxModel, ...], ...] = (
    abb.MODELS,
    alfen.MODELS,
    amperfied.MODELS,
    bender.MODELS,
    goe.MODELS,
    heidelberg.MODELS,
    keba.MODELS,
    mennekes.MODELS,
    nrgkick.MODELS,
    nrgkick_modbus.MODELS,
    openevse.MODELS,
    openwb.MODELS,
    peblar_modbus.MODELS,
    peblar_rest.MODELS,
    phoenix.MODELS,
    shelly.MODELS,
    smartevse.MODELS,
    tesla.MODELS,
    v2c.MODELS,
    vestel.MODELS,
    warp.MODELS,
    warp_modbus.MODELS,
    webasto.MODELS,
)

MODELS: Mapping[str, BoxModel] = MappingProxyType({model.id: model for family in _FAMILIES for model in family})
"""Every model that can be stood up, by its id."""
