"""How many sessions are rated per second, and how much memory it takes.

Sessions of 40 slices, cut at quarter hours as the integration cuts them, begin anywhere in a month; the last of them
charge no more, as cars do that are full. They come in batches, as a month close reads them, so memory must not grow
with their number. Only rating is timed; making the sessions is not. Spot and solar sessions include the compile step.

No peer is measured beside it: of the packages on PyPI, `extrawest-ocpi` and `py-ocpi` carry OCPI objects and rate
nothing, and the one that says it rates, `ocpi-tariffs` 0.1.0, holds no module.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
import resource
from time import perf_counter, process_time
from zoneinfo import ZoneInfo

from evshare_app.tariff.circumstances import Circumstances, PriceSlot
from evshare_app.tariff.compiling import compiled
from evshare_app.tariff.objects import EnergySource
from evshare_app.tariff.ocpi import parse_tariff
from evshare_app.tariff.presets import DayNight, Extras, Flat, Preset, SolarFriendly, SpotPriced, to_ocpi
from evshare_app.tariff.rating import RatedInput, RatedSlice, Rater, Rating

SESSIONS, SLICES, BATCH = 100_000, 40, 1_000
COMPILED_ONE_IN = 10
"""Sessions that have to be compiled each are slower: a tenth of them is measured."""
BERLIN = ZoneInfo("Europe/Berlin")
MONTH = datetime(2026, 10, 1, tzinfo=UTC)  # the clocks go back in it
HOUR = timedelta(hours=1)
FEES = Extras(vat=Decimal(19), session_fee=Decimal("0.50"), idle_fee=Decimal(3))


@dataclass
class Measured:
    """One kind of tariff."""

    name: str
    rate: Callable[[RatedInput], Rating]
    one_in: int = 1
    sessions: int = 0
    gross_minor: int = 0
    wall_s: float = 0
    cpu_s: float = 0


def run(sessions: int = SESSIONS) -> None:
    """Rate sessions and print the figures."""
    random = Random(1)
    kinds = [
        Measured("flat", _plain(Flat(price=Decimal("0.30")), Extras(vat=Decimal(19)))),
        Measured("day, night, weekend and fees", _plain(_DAY_NIGHT, FEES)),
        Measured("tiers of power, energy and duration", _tiers().rate),
        Measured("solar, battery and grid", _sunny(random), COMPILED_ONE_IN),
        Measured("spot, a price per hour", _spot(random, 60), COMPILED_ONE_IN),
        Measured("spot, a price per quarter hour", _spot(random, 15), COMPILED_ONE_IN),
    ]
    before_kib = _peak_kib()
    for start in range(0, sessions, BATCH):
        batch = [_session(random) for _ in range(min(BATCH, sessions - start))]
        for kind in kinds:
            _measure(kind, batch[:: kind.one_in])
    print(f"\nRating {sessions} sessions of {SLICES} slices, one process")
    print(f"{'tariff':38}{'sessions':>10}{'per second':>12}{'per CPU s':>12}")
    for kind in kinds:
        per_s, per_cpu_s = kind.sessions / kind.wall_s, kind.sessions / kind.cpu_s
        print(f"{kind.name:38}{kind.sessions:>10}{per_s:>12,.0f}{per_cpu_s:>12,.0f}")
    after_kib = _peak_kib()
    print(f"peak memory {after_kib / 1024:.0f} MiB, {(after_kib - before_kib) / 1024:.0f} MiB of it for this")
    print("beside a peer: none rates (ocpi-tariffs 0.1.0 on PyPI holds no module)")


def _measure(kind: Measured, batch: list[RatedInput]) -> None:
    wall, cpu = perf_counter(), process_time()
    for session in batch:
        kind.gross_minor += kind.rate(session).minor("EUR")[1]
    kind.wall_s += perf_counter() - wall
    kind.cpu_s += process_time() - cpu
    kind.sessions += len(batch)


_DAY_NIGHT = DayNight(day=Decimal("0.38"), night=Decimal("0.24"), weekend_is_night=True)


def _plain(preset: Preset, extras: Extras) -> Callable[[RatedInput], Rating]:
    return Rater(parse_tariff(to_ocpi(preset, "EUR", MONTH, extras)), BERLIN).rate


def _tiers() -> Rater:
    made = to_ocpi(Flat(price=Decimal("0.50")), "EUR", MONTH, FEES)
    tiers = (("0.20", {"max_power": 5}), ("0.30", {"max_kwh": 10}), ("0.40", {"max_duration": 14_400}))
    component = made["elements"][0]["price_components"][0]
    made["elements"] = [
        *({"price_components": [component | {"price": Decimal(price)}], "restrictions": only} for price, only in tiers),
        *made["elements"],
    ]
    return Rater(parse_tariff(made), BERLIN)


def _sunny(random: Random) -> Callable[[RatedInput], Rating]:
    of = parse_tariff(to_ocpi(SolarFriendly(solar=Decimal("0.15"), grid=Decimal("0.35")), "EUR", MONTH, FEES))
    rater = Rater(of, BERLIN)
    shares = [{EnergySource.SOLAR: random.randrange(100), EnergySource.GRID: 50} for _ in range(SLICES)]

    def rate(session: RatedInput) -> Rating:
        return rater.rate(compiled(of, session, Circumstances(sources=shares), BERLIN).session)

    return rate


def _spot(random: Random, minutes: int) -> Callable[[RatedInput], Rating]:
    preset = SpotPriced(series="spot", fallback=Decimal("0.40"), adder=Decimal("0.18"), slot_minutes=minutes)
    of = parse_tariff(to_ocpi(preset, "EUR", MONTH, FEES))
    length = timedelta(minutes=minutes)
    slots = [
        PriceSlot(
            start=MONTH + length * n, end=MONTH + length * (n + 1), price=Decimal(random.randrange(3000)) / 10_000
        )
        for n in range(33 * 24 * HOUR // length)
    ]

    def rate(session: RatedInput) -> Rating:
        # As one would read them from the books: the session's own hours, and some before.
        first = max(0, (session.started - MONTH) // length - 4)
        last = (session.slices[-1].end - MONTH) // length + 1
        ready = compiled(of, session, Circumstances(prices={"spot": slots[first:last]}), BERLIN)
        return Rater(ready.tariff, BERLIN).rate(ready.session)

    return rate


def _session(random: Random) -> RatedInput:
    started = MONTH + timedelta(milliseconds=random.randrange(30 * 86_400_000))
    return RatedInput(started=started, slices=list(_slices(started, random)))


def _slices(at: datetime, random: Random) -> Iterator[RatedSlice]:
    full = random.randrange(SLICES // 2, SLICES)
    for place in range(SLICES):
        end = at + timedelta(seconds=900 - int(at.timestamp()) % 900) - timedelta(microseconds=at.microsecond)
        seconds = (end - at) // timedelta(seconds=1)
        charging = place < full
        energy_wh = random.randrange(300, 2750) * seconds // 900 if charging else 0
        yield RatedSlice(at, end, energy_wh, seconds if charging else 0, 0 if charging else seconds)
        at = end


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
