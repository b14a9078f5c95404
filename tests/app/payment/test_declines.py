"""When a declined card may be tried again."""

from datetime import UTC, datetime, timedelta

import pytest

from evshare_app.payment.declines import DEAD_CARD, HARD, SOFT, Failure, next_try

START = datetime(2026, 11, 2, tzinfo=UTC)


def _failures(*codes: str) -> list[Failure]:
    return [Failure(code, START + timedelta(days=number)) for number, code in enumerate(codes)]


@pytest.mark.parametrize(("tries", "days"), [(1, 3), (2, 5), (3, 7)])
def test_a_soft_decline_waits_3_then_5_then_7_days(tries: int, days: int) -> None:
    failures = _failures(*["insufficient_funds"] * tries)
    assert next_try(failures) == failures[-1].at + timedelta(days=days)


def test_after_four_tries_the_customer_is_asked() -> None:
    assert next_try(_failures(*["insufficient_funds"] * 4)) is None


@pytest.mark.parametrize("code", ["lost_card", "expired_card", "debit_not_authorized", "authentication_required"])
def test_a_hard_decline_is_never_tried_again(code: str) -> None:
    assert next_try(_failures(code)) is None


@pytest.mark.parametrize("code", ["do_not_honor", "generic_decline", "something_new"])
def test_an_unclear_decline_gets_one_more_try(code: str) -> None:
    assert next_try(_failures(code)) is not None
    assert next_try(_failures(code, code)) is None


def test_the_last_reason_decides() -> None:
    assert next_try(_failures("insufficient_funds", "stolen_card")) is None


def test_no_code_is_both_soft_and_hard() -> None:
    assert not SOFT & HARD
    assert DEAD_CARD < HARD
