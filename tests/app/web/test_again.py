"""A form that cannot be used comes back as it was filled in, and says beside the field what it takes."""

from html.parser import HTMLParser
import re

import pytest

from evshare_app.web.again import Problem, filled_in

KWH = Problem(text="Accepted here: a whole number from 1 to 200.", field="kwh")


def again(form: str, *sent: tuple[str, str], problem: Problem = KWH, path: str = "/guests") -> str:
    shown = filled_in(f"<main>\n{form}\n</main>", path, sent, problem)
    assert shown is not None
    return shown


def in_form(inner: str) -> str:
    return f'<form method="post" action="/guests">{inner}</form>'


@pytest.mark.parametrize(
    ("control", "sent", "expected"),
    [
        ('<input name="a" value="old">', [("a", "new")], '<input name="a" value="new">'),
        ('<input name="a" type="date">', [("a", "soon")], '<input name="a" type="date" value="soon">'),
        ('<input name="a" value="old">', [], '<input name="a" value="old">'),
        ('<textarea name="a">old</textarea>', [("a", "\nnew")], '<textarea name="a">\n\nnew</textarea>'),
        (
            '<input type="checkbox" name="a" value="1">',
            [("a", "1")],
            '<input type="checkbox" name="a" value="1" checked>',
        ),
        ('<input type="checkbox" name="a" checked>', [], '<input type="checkbox" name="a">'),
        (
            '<input type="radio" name="a" value="x" checked><input type="radio" name="a" value="y">',
            [("a", "y")],
            '<input type="radio" name="a" value="x"><input type="radio" name="a" value="y" checked>',
        ),
        (
            '<select name="a"><option value="1" selected>I</option><option value="2">II</option></select>',
            [("a", "2")],
            '<select name="a"><option value="1">I</option><option value="2" selected>II</option></select>',
        ),
        (
            '<select name="a"><option value="1" selected>I</option></select>',
            [("a", "none of them")],
            '<select name="a"><option value="1" selected>I</option></select>',
        ),
    ],
)
def test_every_kind_of_field_shows_what_was_filled_in(control: str, sent: list[tuple[str, str]], expected: str) -> None:
    assert expected in again(in_form(control), *sent)


@pytest.mark.parametrize(
    "control",
    [
        '<input type="hidden" name="csrf" value="fresh">',
        '<input type="password" name="csrf">',
        '<input name="csrf" data-secret>',
        '<input name="csrf" readonly value="fresh">',
    ],
)
def test_what_is_secret_or_the_pages_own_is_not_put_back(control: str) -> None:
    shown = again(in_form(control), ("csrf", "stolen"))
    assert control in shown
    assert "stolen" not in shown


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)


def test_what_was_typed_is_text_and_never_markup() -> None:
    evil = '</textarea>"><script>alert(1)</script>'
    shown = again(in_form('<input name="kwh"><textarea name="b"></textarea>'), ("kwh", evil), ("b", evil + "\x00"))
    assert "script" not in _Tags(shown).seen
    assert shown.count("&lt;script&gt;") == 2
    assert "\x00" not in shown


def test_the_problem_stands_at_the_end_of_its_field_and_is_read_with_it() -> None:
    field = '<div class="field"><label for="k">kWh</label><input id="k" name="kwh"><p class="hint">At most</p></div>'
    shown = again(in_form(field + '<input name="other">'), ("kwh", "9999"))
    assert (
        '<input id="k" name="kwh" aria-invalid="true" aria-describedby="not-accepted" autofocus value="9999">' in shown
    )
    assert '<p class="hint">At most</p><p class="wrong" id="not-accepted">Accepted here: a whole number' in shown
    assert shown.count("aria-invalid") == 1
    # On top of the form it is only said that there is something; the words stand once.
    assert re.search(r'<form[^>]*>\s*<div class="note bad" role="alert">', shown)
    assert shown.count("Accepted here") == 1


def test_a_problem_of_a_group_stands_at_its_end() -> None:
    group = '<fieldset><label><input type="radio" name="kwh" value="a"><span>A</span></label></fieldset>'
    assert '</label><p class="wrong"' in again(in_form(group), ("kwh", "z"))


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (Problem(text="Home Assistant is not connected."), "<div>Home Assistant is not connected.</div>"),
        (Problem(text="Accepted here: a UUID.", field="request_id"), "<div>request_id: Accepted here: a UUID.</div>"),
    ],
)
def test_a_problem_of_no_field_that_is_seen_stands_on_top(problem: Problem, said: str) -> None:
    shown = again(in_form('<input type="hidden" name="request_id" value="1"><input name="a">'), problem=problem)
    assert said in shown
    assert "aria-invalid" not in shown


def test_of_two_forms_to_one_place_it_is_the_one_that_was_sent() -> None:
    forms = "".join(
        in_form(f'<input type="hidden" name="kind" value="{kind}"><input name="kwh">') for kind in ("price", "json")
    )
    shown = again(forms, ("kind", "json"), ("kwh", "7"))
    first, second = shown.split('value="json"')
    assert 'value="7"' not in first
    assert 'value="7"' in second


def test_a_form_is_found_by_its_second_button_and_behind_ingress() -> None:
    form = '<form action="/api/x/office/disputes/1/uphold"><textarea name="kwh"></textarea><button formaction="{}">'
    shown = again(form.format("/api/x/office/disputes/1/reject"), ("kwh", "no"), path="/office/disputes/1/reject")
    assert ">\nno</textarea>" in shown


def test_a_closed_part_of_the_page_is_opened_and_the_page_is_not_fetched_anew() -> None:
    folded = f"<details><summary>More</summary>{in_form('<input name=kwh>')}</details>"
    shown = again(f'<div data-refresh="10" class="x">{folded}</div>', ("kwh", "x"))
    assert "<details open>" in shown
    assert '<div class="x">' in shown


def test_a_page_without_the_form_is_none() -> None:
    assert filled_in(in_form("<input name=kwh>"), "/other", [("kwh", "1")], KWH) is None
