"""Where the energy of each slice came from: sun, battery or grid, per quarter hour of the building series.

All slices of all stalls in a quarter hour share what sun there was for cars, by their Wh; sun, battery and grid of a
slice sum to it, and no quarter hour gives more sun than it had. Odd Wh go round, so that over a month no party is
favoured. A slice that covers several quarter hours, or a part of one, is cut by time into integers.

What the cars get of a quarter hour's sun is the owners' choice. What is not known is grid: a quarter hour that is
missing or has no value makes its slices' sources *guessed*. So does a value that was itself estimated, but only of what
depends on it: where the sun of the cars would be the same had there been twice as much of it, or nothing, it is as good
as measured. A building without PV meter has no series to guess from; its energy is all grid, plainly.

Slices are named tuples: a large building has a million of them a month, and a frozen dataclass takes longer to make
than its sources to find. Who wants to know only what each party got asks `solar_by_party`, which makes nothing per
slice and comes to the same.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, NamedTuple

SLOT_MS = 900_000
_BILLION = 10**9


class SolarRule(StrEnum):
    """Which part of the sun the cars get."""

    FIRST_COME = "first_come"
    """The house first: cars get what would have been exported, had they not charged."""
    PROPORTIONAL = "proportional"
    """Cars and house get the same mix."""


class Guess(StrEnum):
    """What was not measured, of all that the sources of a slice follow from."""

    SOLAR = "solar"
    GRID = "grid"
    BATTERY = "battery"
    STALL = "stall"
    """When the slice's own energy flowed."""
    MISSING = "missing"
    """The building told nothing of a quarter hour that could be used: it counts as grid."""


class Guessed(NamedTuple):
    """What a slice's sun and its battery energy rest on that was not measured; its grid energy rests on both."""

    solar: frozenset[Guess]
    battery: frozenset[Guess]


_NOTHING: Final[frozenset[Guess]] = frozenset()
MEASURED: Final = Guessed(_NOTHING, _NOTHING)
_UNKNOWN: Final = Guessed(frozenset((Guess.MISSING,)), frozenset((Guess.MISSING,)))
_VALUES: Final = {
    "import": ("import_wh", Guess.GRID),
    "export": ("export_wh", Guess.GRID),
    "pv": ("pv_wh", Guess.SOLAR),
    "battery_in": ("battery_charge_wh", Guess.BATTERY),
    "battery_out": ("battery_discharge_wh", Guess.BATTERY),
}
"""The values of a quarter hour by the names the link has for them: where they are here, and whose they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A quarter hour of the building series; None where there is no meter or no value."""

    start_ms: int
    import_wh: int | None
    export_wh: int | None
    pv_wh: int | None
    battery_charge_wh: int | None = None
    battery_discharge_wh: int | None = None
    estimated: frozenset[str] = frozenset()
    """Which values were not measured, by the link's names: import, export, pv, battery_in, battery_out."""


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
    guessed: Guessed = MEASURED


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
    has_sun = _has_sun(slots)
    waiting: dict[int, list[_Piece]] = {}
    owed = _Owed({}, {})
    before_ms = due_ms = 0
    for used in slices:
        if used.start_ms < before_ms:
            raise _out_of_order(used)
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


def solar_by_party(
    slices: Iterable[UsedSlice], slots: Mapping[int, Slot], rule: SolarRule
) -> tuple[dict[str, int], dict[str, frozenset[Guess]]]:
    """Return the sun of each party's slices in Wh, and what it rests on that was not measured, where there is any.

    The same as what `split_sources` yields summed up, and as strict about the order; slices without energy may be left
    out.
    """
    has_sun = _has_sun(slots)
    waiting: dict[int, tuple[list[str], list[int], set[str]]] = {}
    solar_wh: dict[str, int] = defaultdict(int)
    guesses: dict[str, frozenset[Guess]] = {}
    owed_n: dict[str, int] = {}

    def complete(start_ms: int) -> None:
        parties, energies_wh, unsure = waiting.pop(start_ms)
        mix, guessed = _mixed(slots.get(start_ms), sum(energies_wh), rule)
        if guessed.solar:
            for party, wh in zip(parties, energies_wh, strict=True):
                if wh:
                    guesses[party] = guesses.get(party, _NOTHING) | guessed.solar
        for party in unsure if mix is not None and mix.solar_wh else ():
            guesses[party] = guesses.get(party, _NOTHING) | {Guess.STALL}
        if mix is not None and mix.solar_wh:
            for party, wh in zip(parties, _dealt(mix.solar_wh, energies_wh, parties, owed_n), strict=True):
                solar_wh[party] += wh

    before_ms = due_ms = 0
    here: tuple[list[str], list[int], set[str]] = ([], [], set())
    for used in slices:
        _, party, start_ms, end_ms, energy_wh, is_estimated = used
        if start_ms < before_ms:
            raise _out_of_order(used)
        before_ms = start_ms
        if start_ms >= due_ms:
            for one in sorted(one for one in waiting if one + SLOT_MS <= start_ms):
                complete(one)
            due_ms = start_ms - start_ms % SLOT_MS + SLOT_MS
            here = waiting.setdefault(due_ms - SLOT_MS, ([], [], set()))
        if not has_sun or not energy_wh:
            continue
        if end_ms <= due_ms and not is_estimated:
            here[0].append(party)
            here[1].append(energy_wh)
            continue
        for at_ms, wh in pieces_of(used):
            parties, energies_wh, unsure = waiting.setdefault(at_ms, ([], [], set()))
            parties.append(party)
            energies_wh.append(wh)
            if is_estimated and wh:
                unsure.add(party)
    for one in sorted(waiting):
        complete(one)
    return solar_wh, guesses


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


def _has_sun(slots: Mapping[int, Slot]) -> bool:
    """Whether a meter tells of the sun at all."""
    if any(start_ms % SLOT_MS for start_ms in slots):
        msg = "slots: got one that does not start at a quarter hour, accepted are multiples of 900000 ms"
        raise ValueError(msg)
    return any(slot.pv_wh is not None for slot in slots.values())


def _out_of_order(used: UsedSlice) -> ValueError:
    return ValueError(f"slices: got slice {used.slice_id} after a later one, accepted are slices by their start")


def _mixed(slot: Slot | None, load_wh: int, rule: SolarRule) -> tuple[Mix | None, Guessed]:
    """Return what a quarter hour has for the cars, and what of it is guessed."""
    mix = None if slot is None else mix_for_cars(slot, load_wh, rule)
    if slot is None or mix is None:
        return None, _UNKNOWN
    return mix, _guessed(slot, load_wh, mix, rule)


def _guessed(slot: Slot, load_wh: int, mix: Mix, rule: SolarRule) -> Guessed:
    """Return what the mix rests on that was not measured: estimates that would change it were they off by themselves.

    Without a meter of what is exported, all that there was may have been.
    """
    if not slot.estimated and slot.export_wh is not None:
        return MEASURED
    solar, battery = set(), set()
    for name, (field, of) in _VALUES.items():
        value_wh: int | None = getattr(slot, field)
        others: tuple[int, ...] = ()
        if value_wh and name in slot.estimated:
            others = (0, 2 * value_wh)
        elif value_wh is None and name == "export":
            others = ((slot.pv_wh or 0) + (slot.battery_discharge_wh or 0),)
        for other_wh in others:
            changed: dict[str, Any] = {field: other_wh}
            would_be = mix_for_cars(replace(slot, **changed), load_wh, rule)
            assert would_be is not None
            if would_be.solar_wh != mix.solar_wh:
                solar.add(of)
            if would_be.battery_wh != mix.battery_wh:
                battery.add(of)
    return Guessed(frozenset(solar), frozenset(battery)) if solar or battery else MEASURED


def _with_its_own(guessed: Guessed, mix: Mix | None) -> Guessed:
    """Return it for a slice whose own energy is an estimate: how much of the quarter hour's is its own is a guess."""
    solar = guessed.solar | {Guess.STALL} if mix is not None and mix.solar_wh else guessed.solar
    battery = guessed.battery | {Guess.STALL} if mix is not None and mix.battery_wh else guessed.battery
    return Guessed(solar, battery)


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
    guessed: Guessed = MEASURED


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
    mix, guessed = _mixed(slot, sum(piece.energy_wh for piece in pieces), rule)
    if mix is not None:
        parties = [piece.slice.used.party for piece in pieces]
        solar = _dealt(mix.solar_wh, [piece.energy_wh for piece in pieces], parties, owed.solar_n)
        left = [piece.energy_wh - wh for piece, wh in zip(pieces, solar, strict=True)]
        battery = _dealt(mix.battery_wh, left, parties, owed.battery_n)
        for piece, solar_wh, battery_wh in zip(pieces, solar, battery, strict=True):
            piece.slice.solar_wh += solar_wh
            piece.slice.battery_wh += battery_wh
    for piece in pieces:
        one = piece.slice
        if piece.energy_wh and (guessed is not MEASURED or one.used.estimated):
            here = _with_its_own(guessed, mix) if one.used.estimated else guessed
            one.guessed = Guessed(one.guessed.solar | here.solar, one.guessed.battery | here.battery)
        one.pieces_left -= 1
        if not one.pieces_left:
            yield SliceSources(
                slice_id=one.used.slice_id,
                party=one.used.party,
                solar_wh=one.solar_wh,
                battery_wh=one.battery_wh,
                grid_wh=one.used.energy_wh - one.solar_wh - one.battery_wh,
                guessed=one.guessed,
            )


def _all_grid(used: UsedSlice) -> SliceSources:
    return SliceSources(
        slice_id=used.slice_id,
        party=used.party,
        solar_wh=0,
        battery_wh=0,
        grid_wh=used.energy_wh,
    )


def _dealt(total_wh: int, room_wh: Sequence[int], parties: Sequence[str], owed_n: dict[str, int]) -> list[int]:
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
    exact = [total_wh * room for room in room_wh]
    dealt = [one // all_room_wh for one in exact]
    missing = total_wh - sum(dealt)
    # What has no fraction gets no odd Wh and is owed nothing for it.
    places = [place for place, one in enumerate(exact) if one % all_room_wh]
    fractions_n = [exact[place] % all_room_wh * _BILLION // all_room_wh for place in places]
    due_n = [-fraction_n - owed_n.get(parties[place], 0) for place, fraction_n in zip(places, fractions_n, strict=True)]
    # Of equals the first one.
    for rank, one in enumerate(sorted(range(len(places)), key=due_n.__getitem__)):
        place = places[one]
        party = parties[place]
        got = rank < missing
        dealt[place] += got
        owed_n[party] = owed_n.get(party, 0) + fractions_n[one] - (_BILLION if got else 0)
    return dealt
