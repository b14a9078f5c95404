"""Conservation checks over the whole books: what must hold if nothing was lost, invented or billed twice.

They only read. The office shows them; a failed one means: stop closing months and look.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from . import energy_laws, money_laws


@dataclass(frozen=True, kw_only=True)
class Check:
    """A law and whether it holds. `found` names the first few places where it does not."""

    name: str
    ok: bool
    found: str


def run_checks(conn: Connection) -> tuple[Check, ...]:
    """Run every check."""
    laws: Sequence[tuple[str, Callable[[Connection], list[str]]]] = (
        ("Each session's slices sum to its energy", energy_laws.sessions_and_slices),
        ("Each register's slices join: its difference is their sum", energy_laws.registers_and_slices),
        ("Each session with energy at a billed stall has a CDR", energy_laws.sessions_and_cdrs),
        ("The CDRs of a session together bill its energy", energy_laws.cdrs_and_sessions),
        ("Each slice is billed once, and each CDR is the sum of its slices", energy_laws.slices_and_cdrs),
        ("The parts of a session follow each other without gaps", energy_laws.parts_of_sessions),
        ("Each statement is the sum of its sessions and charges", money_laws.statements_and_parts),
        ("Each statement is booked as it was issued", money_laws.statements_and_ledger),
        ("What the building pays for itself is on no statement, and booked as it was rated", money_laws.common_costs),
        ("Each session that was not theirs is on no statement, or was credited", money_laws.disputes),
        ("Each statement's seal fits its document", money_laws.seals),
        ("Statement numbers have no gaps", money_laws.numbers),
        ("What accounts owe is their statements less what was paid", money_laws.receivables),
        ("Nobody has used more than was paid in advance", money_laws.prepaid_balances),
        ("Nothing is booked into a closed month", money_laws.closed_periods),
        ("Debits and credits are equal in every currency", money_laws.currencies),
        ("The ledger's chain is whole and its signatures are right", money_laws.ledger),
    )
    checks = []
    for name, breaches in laws:
        found = breaches(conn)
        checks.append(Check(name=name, ok=not found, found="; ".join(found[:5])))
    return tuple(checks)
