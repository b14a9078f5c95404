"""Which registers of a Modbus connector are read together: the fewest requests for what is due. Pure.

Registers that follow each other are read in one request, and so are registers with a hole between them if the profile
declares a block over both. A device that refuses such a read (exception 2) is not asked over that hole again: the
span is cut at its largest hole, and the cut is remembered (`Cuts`). A value wider than one register and the three
phases of one quantity are never read apart (connectors reference 3.5).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from .profile_model import Block, Point, Profile
from .profile_values import Table, Tier


class Cuts:
    """Where a device does not let itself be read across: ``table:address`` of the first register after the hole."""

    def __init__(self, known: Iterable[str] = (), learnt: Callable[[tuple[str, ...]], None] | None = None) -> None:
        """`learnt` is told all cuts whenever one comes to them."""
        self._known = set(known)
        self._learnt = learnt

    def __contains__(self, place: tuple[Table, int]) -> bool:
        return f"{place[0]}:{place[1]}" in self._known

    def add(self, table: Table, addr: int) -> None:
        """Remember one."""
        self._known.add(f"{table}:{addr}")
        if self._learnt is not None:
            self._learnt(tuple(sorted(self._known)))


@dataclass(frozen=True, eq=False)
class Span:
    """Registers read in one request. `pieces` are points that must never be read apart: a value, a phase triple.

    Each is itself only, so that what was read last in it can be kept by it.
    """

    table: Table
    unit_id: int | None
    pieces: tuple[tuple[Point, ...], ...]

    def __str__(self) -> str:
        """What is done with it, for errors."""
        return f"reading {self.table} {self.start} to {self.end - 1}"

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """All points in it, by address."""
        return tuple(point for piece in self.pieces for point in piece)

    @cached_property
    def start(self) -> int:
        """First register."""
        return self.pieces[0][0].addr

    @cached_property
    def end(self) -> int:
        """The register after the last one."""
        return max(_end(piece) for piece in self.pieces)

    @cached_property
    def count(self) -> int:
        """Registers to read, holes included."""
        return self.end - self.start

    def halves(self) -> tuple[Span, Span]:
        """Cut at the largest hole; where there is none, in the middle."""
        holes = [after[0].addr - _end(before) for before, after in zip(self.pieces, self.pieces[1:], strict=False)]
        cut = (holes.index(max(holes)) if max(holes) else len(holes) // 2) + 1
        return replace(self, pieces=self.pieces[:cut]), replace(self, pieces=self.pieces[cut:])


class ReadingPlan:
    """The spans of one stall's connector, by what is due."""

    def __init__(self, profile: Profile, point: int, cuts: Cuts) -> None:
        """`point` is the connector of the box, from 1."""
        transport = profile.transport
        shift = transport.addr_base + (point - 1) * transport.addr_step
        self._points = [_placed(one, point, shift) for one in profile.points.values()]
        self._blocks = [replace(block, start=block.start + shift) for block in profile.blocks]
        self._widest = transport.max_registers_per_read
        self._cuts = cuts
        self._planned: dict[frozenset[Tier], tuple[Span, ...]] = {}

    def spans(self, tiers: frozenset[Tier]) -> tuple[Span, ...]:
        """The requests for all points of these tiers."""
        planned = self._planned.get(tiers)
        if planned is None:
            due = [point for point in self._points if point.tier in tiers]
            self._planned[tiers] = planned = tuple(self._joined(due))
        return planned

    def cut(self, span: Span) -> tuple[Span, Span]:
        """A device refused this span: it is read in two from now on."""
        first, second = span.halves()
        self._cuts.add(span.table, second.start)
        self._planned.clear()
        return first, second

    def _joined(self, due: Sequence[Point]) -> Iterator[Span]:
        for (table, unit_id), points in _by_place(due).items():
            waiting: Span | None = None
            for piece in self._pieces(points):
                if waiting is not None and self._together(waiting, piece):
                    waiting = replace(waiting, pieces=(*waiting.pieces, piece))
                    continue
                if waiting is not None:
                    yield waiting
                waiting = Span(table, unit_id, (piece,))
            if waiting is not None:
                yield waiting

    def _pieces(self, points: Sequence[Point]) -> tuple[tuple[Point, ...], ...]:
        """Points by address, with the three phases of one quantity kept together where they lie together."""
        groups: list[list[Point]] = []
        for point in points:
            kin = point.name.replace("_l2_", "_l1_").replace("_l3_", "_l1_")
            last = groups[-1] if groups else None
            phase = last is not None and kin != point.name and last[0].name == kin and point.addr == _end(last)
            if last is not None and phase and _end([point]) - last[0].addr <= self._widest:
                last.append(point)
            else:
                groups.append([point])
        return tuple(tuple(group) for group in groups)

    def _together(self, span: Span, piece: tuple[Point, ...]) -> bool:
        if (span.table, piece[0].addr) in self._cuts or _end(piece) - span.start > self._widest:
            return False
        hole = piece[0].addr > span.end
        return not hole or self._declared(span, piece)

    def _declared(self, span: Span, piece: tuple[Point, ...]) -> bool:
        """Whether one block of the profile reaches over the hole between them."""
        if span.unit_id is not None:
            return False
        last = span.pieces[-1][-1]
        return any(_holds(block, last) and _holds(block, piece[-1]) for block in self._blocks)


def _holds(block: Block, point: Point) -> bool:
    return block.holds(point.table, point.addr, point.words)


def _placed(point: Point, number: int, shift: int) -> Point:
    """Where this point is on connector `number` of the box."""
    if point.addr_step is not None:
        return replace(point, addr=point.addr + (number - 1) * point.addr_step)
    return point if point.absolute or not shift else replace(point, addr=point.addr + shift)


def _by_place(points: Iterable[Point]) -> Mapping[tuple[Table, int | None], list[Point]]:
    """Points by table and unit, the box's own unit first: if that is silent, no other has to be asked."""
    places: dict[tuple[Table, int | None], list[Point]] = {}
    for point in sorted(points, key=lambda point: (point.unit_id is not None, point.addr)):
        places.setdefault((point.table, point.unit_id), []).append(point)
    return places


def _end(piece: Sequence[Point]) -> int:
    return max(point.addr + point.words for point in piece)
