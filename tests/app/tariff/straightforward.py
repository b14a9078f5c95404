"""Rating the slow and plain way: the independent oracle of `evshare_app.tariff.rating`. It shares only the values.

Each slice is cut at every whole minute, since times of day and dates are of minutes, and at every bound of energy,
duration and source. Every piece asks every element anew. Fractions throughout.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
import itertools
from typing import Any
from zoneinfo import ZoneInfo

from evshare_app.tariff.objects import DAYS, PriceComponent, Restrictions, Tariff
from evshare_app.tariff.rated import RatedInput, RatedSlice

PER = {"ENERGY": 1000, "TIME": 3600, "PARKING_TIME": 3600, "FLAT": 1}


@dataclass
class Piece:
    start: datetime
    energy_wh: int
    charging_s: int
    parking_s: int
    kw: Fraction
    source: str


@dataclass
class Bill:
    volumes: dict[PriceComponent, int]
    net: Fraction
    gross: Fraction


def bill(tariff: Tariff, session: RatedInput, zone: ZoneInfo, *, final: bool = True) -> Bill:
    volumes: dict[PriceComponent, int] = {}
    last: dict[str, PriceComponent] = {}
    used_wh = 0
    slices = session.slices or [RatedSlice(session.started, session.started, 0, 0, 0)]
    for whole in slices:
        for piece in pieces(tariff, whole, session.started, used_wh):
            for kind, volume in (
                ("FLAT", 1),
                ("ENERGY", piece.energy_wh),
                ("TIME", piece.charging_s),
                ("PARKING_TIME", piece.parking_s),
            ):
                price = active(tariff, kind, piece, session.started, used_wh, zone)
                if price is None or not volume or (kind == "FLAT" and "FLAT" in last):
                    continue
                volumes[price] = volumes.get(price, 0) + volume
                last[kind] = price
            used_wh += piece.energy_wh
    if final:
        for kind in ("ENERGY", "PARKING_TIME" if "PARKING_TIME" in last else "TIME"):
            if kind in last:
                total = sum(volume for one, volume in volumes.items() if one.type == kind)
                steps = Fraction(total, last[kind].step_size).__ceil__()
                volumes[last[kind]] += steps * last[kind].step_size - total
    net, gross = limited(tariff, volumes, final=final)
    return Bill(volumes=volumes, net=net, gross=gross)


def limited(tariff: Tariff, volumes: dict[PriceComponent, int], *, final: bool) -> tuple[Fraction, Fraction]:
    net = gross = Fraction(0)
    for price, volume in volumes.items():
        amount = Fraction(price.price) * volume / PER[price.type]
        vat = 1 + Fraction(price.vat or 0) / 100
        net += amount / vat if tariff.tax_included == "YES" else amount
        gross += amount if tariff.tax_included == "YES" else amount * vat
    for limit, better in ((tariff.min_price if final else None, max), (tariff.max_price, min)):
        if limit is None:
            continue
        reached = better(net, Fraction(limit.excl_vat))
        if limit.incl_vat is not None:
            gross = better(gross, Fraction(limit.incl_vat))
        elif net:
            gross = gross * reached / net
        else:
            first = tariff.elements[0].price_components[0].vat
            gross = reached * (1 + Fraction(first or 0) / 100)
        net = reached
    return net, gross


def pieces(tariff: Tariff, whole: RatedSlice, started: datetime, used_wh: int) -> Iterator[Piece]:
    length = micro(whole.end - whole.start)
    cuts = {Fraction(0), Fraction(1)}
    minute = whole.start.replace(second=0, microsecond=0)
    while length and minute < whole.end:
        cuts.add(Fraction(micro(minute - whole.start), length))
        minute += timedelta(minutes=1)
    for element in tariff.elements:
        only = element.restrictions
        for seconds in (only.min_duration, only.max_duration):
            if seconds is not None and length:
                cuts.add(Fraction(micro(started + timedelta(seconds=seconds) - whole.start), length))
        for kwh in (only.min_kwh, only.max_kwh):
            if kwh is not None and whole.energy_wh:
                cuts.add(Fraction((Fraction(kwh) * 1000).__ceil__() - used_wh, whole.energy_wh))
    upto = 0
    for _, part in whole.sources:
        upto += part
        cuts.add(Fraction(upto, whole.energy_wh or 1))
    seconds = whole.charging_s or (whole.end - whole.start) // timedelta(seconds=1)
    inside = sorted(cut for cut in cuts if 0 <= cut <= 1)
    for before, after in itertools.pairwise(inside):
        yield Piece(
            start=whole.start + timedelta(microseconds=int(length * before)),
            energy_wh=int(whole.energy_wh * after) - int(whole.energy_wh * before),
            charging_s=int(whole.charging_s * after) - int(whole.charging_s * before),
            parking_s=int(whole.parking_s * after) - int(whole.parking_s * before),
            kw=Fraction(whole.energy_wh * 3600, seconds * 1000) if seconds else Fraction(0),
            source=source_at(whole, before),
        )


def source_at(whole: RatedSlice, at: Fraction) -> str:
    upto = 0
    for source, part in whole.sources:
        upto += part
        if at < Fraction(upto, whole.energy_wh):
            return str(source)
    return str(whole.sources[-1][0]) if whole.sources else "grid"


def active(
    tariff: Tariff, kind: str, piece: Piece, started: datetime, used_wh: int, zone: ZoneInfo
) -> PriceComponent | None:
    for element in tariff.elements:
        for price in element.price_components:
            if price.type == kind and matches(element.restrictions, piece, started, used_wh, zone):
                return price
    return None


def matches(only: Restrictions, piece: Piece, started: datetime, used_wh: int, zone: ZoneInfo) -> bool:
    local = piece.start.astimezone(zone)
    of_day = f"{local:%H:%M}"
    start = f"{only.start_time:%H:%M}" if only.start_time else "00:00"
    end = f"{only.end_time:%H:%M}" if only.end_time else "00:00"
    end = "24:00" if end == "00:00" else end
    in_time = start <= of_day < end if start < end else of_day >= start or of_day < end
    bounds: list[tuple[Any, Any, Any]] = [
        (only.start_date, only.end_date, local.date()),
        (only.min_kwh, only.max_kwh, Fraction(used_wh, 1000)),
        (only.min_power, only.max_power, piece.kw),
        (only.min_current, only.max_current, piece.kw * 1000 / 230),
        (only.min_duration, only.max_duration, (piece.start - started).total_seconds() // 1),
    ]
    return (
        in_time
        and all(
            (least is None or value >= least) and (below is None or value < below) for least, below, value in bounds
        )
        and (not only.day_of_week or DAYS[local.weekday()] in only.day_of_week)
        and only.energy_source in (None, piece.source)
        and only.reservation is None
    )


def micro(length: timedelta) -> int:
    return length // timedelta(microseconds=1)
