"""Where the energy of each slice came from: sun, battery or grid, per quarter hour of the building series.

All slices of all stalls in a quarter hour share what sun there was for cars, by their Wh; sun, battery and grid of a
slice sum to it, and no quarter hour gives more sun than it had. Odd Wh go round, so that over a month no party is
favoured. A slice that covers several quarter hours, or a part of one, is cut by time into integers.

What the cars get of a quarter hour's sun is the owners' choice. What is not known is grid: a quarter hour that is
missing or has no value makes its slices' sources *estimated*, as does one that was itself estimated. A building
without PV meter has no series to estimate from; its energy is all grid, plainly.

Slices are named tuples: a large building has a million of them a month, and a frozen dataclass takes longer to make
than its sources to find.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

SLOT_MS = 900_000
_BILLION = 10**9


class SolarRule(StrEnum):
    """Which part of the sun the cars get."""

    FIRST_COME = "first_come"
    """The house first: cars get what would have been exported, had they not charged."""
    PROPORTIONAL = "proportional"
    """Cars and house get the same mix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A quarter hour of the building series; None where there is no meter or no value."""

    start_ms: int
    import_wh: int | None
    export_wh: int | None
    pv_wh: int | None
    battery_charge_wh: int | None = None
    battery_discharge_wh: int | None = None
    estimated: bool = False


class UsedSlice(NamedTuple):
    """A slice as this room sees it. `party`: for whom odd Wh are remembered (its account; else its stall)."""

    slice_id: int
    party: str
    start_ms: int
    end_ms: int
    energy_wh: int
    estimated: bool = False


class SliceSources(NamedTuple):
    """A slice's energy by source; the three sum to it."""

    slice_id: int
    party: str
    solar_wh: int
    battery_wh: int
    grid_wh: int
    estimated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """What a quarter hour has for the cars from each source; grid is the rest of what they used."""

    solar_wh: int
    battery_wh: int


def split_sources(slices: Iterable[UsedSlice], slots: Mapping[int, Slot], rule: SolarRule) -> Iterator[SliceSources]:
    """Yield every slice's sources, as soon as its quarter hours are complete: not always in the order they came.

    `slices` come in the order of their start; `slots` by their start in UTC milliseconds. No more slices are kept at a
    time than overlap. Raises ValueError for slices out of order or a slot off the quarter hours.
    """
    if any(start_ms % SLOT_MS for start_ms in slots):
        msg = "slots: got one that does not start at a quarter hour, accepted are multiples of 900000 ms"
        raise ValueError(msg)
    has_sun = any(slot.pv_wh is not None for slot in slots.values())
    waiting: dict[int, list[_Piece]] = {}
    owed = _Owed({}, {})
    before_ms = due_ms = 0
    for used in slices:
        if used.start_ms < before_ms:
            msg = f"slices: got slice {used.slice_id} after a later one, accepted are slices by their start"
            raise ValueError(msg)
        before_ms = used.start_ms
        if before_ms >= due_ms:
            for start_ms in sorted(one for one in waiting if one + SLOT_MS <= before_ms):
                yield from _complete(waiting.pop(start_ms), slots.get(start_ms), rule, owed)
            due_ms = before_ms - before_ms % SLOT_MS + SLOT_MS
        if not has_sun or not used.energy_wh:
            yield _all_grid(used)
            continue
        pieces = pieces_of(used)
        open_slice = _Open(used, len(pieces))
        for start_ms, energy_wh in pieces:
            waiting.setdefault(start_ms, []).append(_Piece(open_slice, energy_wh))
    for start_ms in sorted(waiting):
        yield from _complete(waiting.pop(start_ms), slots.get(start_ms), rule, owed)


def pieces_of(used: UsedSlice) -> list[tuple[int, int]]:
    """Cut a slice at the quarter hours: (start of the quarter hour, Wh in it). The pieces sum to the slice."""
    first_ms = used.start_ms - used.start_ms % SLOT_MS
    if used.end_ms <= first_ms + SLOT_MS:
        return [(first_ms, used.energy_wh)]
    length_ms = used.end_ms - used.start_ms
    pieces = []
    given_wh = 0
    for start_ms in range(first_ms, used.end_ms, SLOT_MS):
        passed_ms = min(start_ms + SLOT_MS, used.end_ms) - used.start_ms
        until_wh = used.energy_wh * passed_ms // length_ms
        pieces.append((start_ms, until_wh - given_wh))
        given_wh = until_wh
    return pieces


def mix_for_cars(slot: Slot, load_wh: int, rule: SolarRule) -> Mix | None:
    """Return what a quarter hour has for cars that used `load_wh` in it. None: its values do not tell.

    Sun goes first to export (it is measured), then into the battery, then to loads. Where the meters contradict each
    other, and cars used more than the house took in, what is missing came from the grid.
    """
    if slot.pv_wh is None or slot.import_wh is None:
        return None
    exported_wh = slot.export_wh or 0
    on_site_wh = max(0, slot.pv_wh - exported_wh)
    from_sun_wh = min(slot.battery_charge_wh or 0, on_site_wh)
    solar_wh = on_site_wh - from_sun_wh
    battery_wh = max(0, (slot.battery_discharge_wh or 0) - max(0, exported_wh - slot.pv_wh))
    grid_wh = max(0, slot.import_wh - ((slot.battery_charge_wh or 0) - from_sun_wh))
    all_wh = max(load_wh, solar_wh + battery_wh + grid_wh)
    if rule is SolarRule.PROPORTIONAL:
        return _proportional(solar_wh, battery_wh, load_wh, all_wh)
    house_wh = all_wh - load_wh
    cars_solar_wh = min(load_wh, max(0, solar_wh - house_wh))
    left_wh = max(0, house_wh - solar_wh)
    return Mix(solar_wh=cars_solar_wh, battery_wh=min(load_wh - cars_solar_wh, max(0, battery_wh - left_wh)))


def _proportional(solar_wh: int, battery_wh: int, load_wh: int, all_wh: int) -> Mix:
    if not all_wh:
        return Mix(solar_wh=0, battery_wh=0)
    # Sun and all that is not grid are rounded to the nearest Wh: so neither sun nor battery can exceed what there was.
    cars_solar_wh = (2 * load_wh * solar_wh + all_wh) // (2 * all_wh)
    not_grid_wh = (2 * load_wh * (solar_wh + battery_wh) + all_wh) // (2 * all_wh)
    return Mix(solar_wh=cars_solar_wh, battery_wh=not_grid_wh - cars_solar_wh)


@dataclass(slots=True)
class _Open:
    """A slice whose quarter hours are not all complete."""

    used: UsedSlice
    pieces_left: int
    solar_wh: int = 0
    battery_wh: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class _Owed:
    """Billionths of a Wh that parties are owed, by source."""

    solar_n: dict[str, int]
    battery_n: dict[str, int]


@dataclass(slots=True)
class _Piece:
    slice: _Open
    energy_wh: int


def _complete(pieces: list[_Piece], slot: Slot | None, rule: SolarRule, owed: _Owed) -> Iterator[SliceSources]:
    mix = None
    if slot is not None:
        mix = mix_for_cars(slot, sum(piece.energy_wh for piece in pieces), rule)
    if mix is not None:
        solar = _dealt(mix.solar_wh, [piece.energy_wh for piece in pieces], pieces, owed.solar_n)
        left = [piece.energy_wh - wh for piece, wh in zip(pieces, solar, strict=True)]
        battery = _dealt(mix.battery_wh, left, pieces, owed.battery_n)
        for piece, solar_wh, battery_wh in zip(pieces, solar, battery, strict=True):
            piece.slice.solar_wh += solar_wh
            piece.slice.battery_wh += battery_wh
    doubtful = slot is None or mix is None or slot.estimated or slot.export_wh is None
    for piece in pieces:
        one = piece.slice
        one.estimated |= doubtful and bool(piece.energy_wh)
        one.pieces_left -= 1
        if not one.pieces_left:
            yield SliceSources(
                slice_id=one.used.slice_id,
                party=one.used.party,
                solar_wh=one.solar_wh,
                battery_wh=one.battery_wh,
                grid_wh=one.used.energy_wh - one.solar_wh - one.battery_wh,
                estimated=one.estimated or one.used.estimated,
            )


def _all_grid(used: UsedSlice) -> SliceSources:
    return SliceSources(
        slice_id=used.slice_id,
        party=used.party,
        solar_wh=0,
        battery_wh=0,
        grid_wh=used.energy_wh,
        estimated=used.estimated,
    )


def _dealt(total_wh: int, room_wh: list[int], pieces: list[_Piece], owed_n: dict[str, int]) -> list[int]:
    """Divide Wh among pieces by their room, none beyond it; the odd Wh to the party that is owed most.

    Whole numbers throughout, for this runs for every quarter hour of a month; `settle` is for what is kept.
    """
    all_room_wh = sum(room_wh)
    if not total_wh:
        return [0] * len(room_wh)
    if total_wh >= all_room_wh:
        return list(room_wh)
    if len(room_wh) == 1:
        return [total_wh]
    dealt = []
    fractions: list[tuple[int, int]] = []
    for place, room in enumerate(room_wh):
        whole, rest = divmod(total_wh * room, all_room_wh)
        dealt.append(whole)
        if rest:
            fractions.append((rest * _BILLION // all_room_wh, place))
    missing = total_wh - sum(dealt)
    fractions.sort(key=lambda one: (-one[0] - owed_n.get(pieces[one[1]].slice.used.party, 0), one[1]))
    for rank, (fraction_n, place) in enumerate(fractions):
        party = pieces[place].slice.used.party
        dealt[place] += rank < missing
        owed_n[party] = owed_n.get(party, 0) + fraction_n - (_BILLION if rank < missing else 0)
    return dealt
