"""A form that cannot be used is shown again as it was filled in, with what is wrong beside the field.

That is done to the finished page, so that no template has to think of it: the page the form stands on is made anew,
the form is found by where it is sent to, what was typed is put into its fields, and the problem is put beside the field
it is about. Hidden fields stay as the new page has them (its own proof of origin, its own ids). A password and what is
marked `data-secret` are never put back.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser

from ..i18n import LANGUAGES
from .pages import shared_template

_VOID = frozenset(("area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"))
_NOT_TYPED = frozenset(("hidden", "password", "submit", "button", "image", "reset", "file"))
_TICKED = frozenset(("checkbox", "radio"))
_CONTROLS = frozenset(("input", "select", "textarea"))
_FETCHED_ANEW = ("data-refresh", "data-live", "data-state")
"""What makes our script replace the page, and with it what was typed."""
_ERROR_ID = "not-accepted"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is wrong with a form."""

    text: str
    field: str = ""
    """The field it is about; empty for none in particular."""


def filled_in(
    page: str, path: str, sent: Sequence[tuple[str, str]], problem: Problem, language: str = LANGUAGES[0]
) -> str | None:
    """Return the page with the form that is sent to `path` as it was filled in; None where the page has no such form.

    `sent` is names and values as the browser sent them.
    """
    elements = _elements(page)
    form = _form_to(elements, path, sent)
    if form is None:
        return None
    edits = _Edits()
    inside = [one for one in elements if form.start < one.start < form.close]
    controls = [one for one in inside if one.name in _CONTROLS and "name" in one.attributes]
    wrong = next((one for one in controls if one.attributes["name"] == problem.field and not _is_hidden(one)), None)
    for control in controls:
        changes: dict[str, str | None] = {}
        if control is wrong:
            described = " ".join(filter(None, (control.attributes.get("aria-describedby"), _ERROR_ID)))
            changes = {"aria-invalid": "true", "aria-describedby": described, "autofocus": None}
        _put_back(edits, page, control, inside, sent, changes)
    named = ": ".join(filter(None, (problem.field, problem.text)))
    edits.insert(form.end, shared_template(language, "form_problem.html", text="" if wrong else named))
    if wrong is not None:
        edits.insert(_end_of_field(wrong, form), f'<p class="wrong" id="{_ERROR_ID}">{escape(problem.text)}</p>')
    for element in elements:
        if element.name == "details" and any(
            element.start < one.start < element.close for one in (form, wrong) if one is not None
        ):
            edits.retag(element, {"open": None})
        if any(name in element.attributes for name in _FETCHED_ANEW):
            edits.retag(element, {}, without=_FETCHED_ANEW)
    return edits.applied_to(page)


@dataclass(eq=False)
class _Element:
    """An element of the page, by its places in the text."""

    name: str
    attributes: dict[str, str | None]
    start: int
    end: int
    """Where its start tag ends."""
    close: int = 0
    """Where its end tag begins; where there is none, where its start tag ends."""
    parent: _Element | None = None

    def ancestors(self) -> Iterator[_Element]:
        """Yield what it stands in, the nearest first."""
        above = self.parent
        while above is not None:
            yield above
            above = above.parent


class _Reader(HTMLParser):
    """Notes where each element begins and ends."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[_Element] = []
        self._open: list[_Element] = []
        self._lines = [0]
        for line in page.split("\n"):
            self._lines.append(self._lines[-1] + len(line) + 1)
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        start = self._place()
        end = start + len(self.get_starttag_text() or "")
        parent = self._open[-1] if self._open else None
        element = _Element(name=tag, attributes=dict(attrs), start=start, end=end, close=end, parent=parent)
        self.elements.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if all(one.name != tag for one in self._open):
            return
        while True:
            element = self._open.pop()
            element.close = self._place()
            if element.name == tag:
                return

    def _place(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column


def _elements(page: str) -> list[_Element]:
    return _Reader(page).elements


def _form_to(elements: Sequence[_Element], path: str, sent: Sequence[tuple[str, str]]) -> _Element | None:
    """Return the form that is sent there; of several, that whose hidden fields are most like what was sent."""

    def goes_there(element: _Element) -> bool:
        target = element.attributes.get("action" if element.name == "form" else "formaction") or ""
        # Behind Home Assistant's ingress our addresses begin with its path.
        return target.partition("?")[0].endswith(path)

    def like(form: _Element) -> int:
        hidden = (one for one in elements if _is_hidden(one) and form in one.ancestors())
        return sum((one.attributes.get("name"), one.attributes.get("value")) in sent for one in hidden)

    forms = [one for one in elements if one.name == "form" and goes_there(one)]
    if not forms:
        buttons = (one for one in elements if one.name == "button" and goes_there(one))
        forms = [above for one in buttons for above in one.ancestors() if above.name == "form"]
    return max(forms, key=like, default=None)


def _is_hidden(element: _Element) -> bool:
    return element.name == "input" and element.attributes.get("type") == "hidden"


def _end_of_field(control: _Element, form: _Element) -> int:
    """Return where in the text something about a control is said: at the end of its field or group, or after it."""
    within = [one for one in control.ancestors() if form.start < one.start]
    for one in within:
        if "field" in (one.attributes.get("class") or "").split() or one.attributes.get("role") == "group":
            return one.close
    group = next((one for one in within if one.name == "fieldset"), None)
    if group is not None:
        return group.close
    return control.end if control.name == "input" else control.close + len(f"</{control.name}>")


def _put_back(  # noqa: PLR0917 - what one control needs
    edits: _Edits,
    page: str,
    control: _Element,
    inside: Sequence[_Element],
    sent: Sequence[tuple[str, str]],
    changes: dict[str, str | None],
) -> None:
    """Put into a control what was sent for it."""
    attributes = control.attributes
    kind = (attributes.get("type") or "text").lower()
    values = [_printable(value) for name, value in sent if name == attributes["name"]]
    without: tuple[str, ...] = ()
    if "data-secret" in attributes or "readonly" in attributes or (control.name == "input" and kind in _NOT_TYPED):
        pass
    elif control.name == "input" and kind in _TICKED:
        is_ticked = (attributes.get("value") or "on") in values
        changes |= {"checked": None} if is_ticked else {}
        without = () if is_ticked else ("checked",)
    elif control.name == "select" and values:
        options = [one for one in inside if one.name == "option" and control in one.ancestors()]
        if any(one.attributes.get("value") in values for one in options):
            for one in options:
                is_chosen = one.attributes.get("value") in values
                edits.retag(one, {"selected": None} if is_chosen else {}, without=() if is_chosen else ("selected",))
    elif control.name == "textarea" and values:
        # A line break right after the tag would be dropped.
        edits.replace(control.end, control.close, "\n" + escape(values[0]))
    elif control.name == "input" and values:
        changes["value"] = values[0]
    edits.retag(control, changes, without=without)


def _printable(text: str) -> str:
    return "".join(one for one in text if one >= " " or one in "\r\n\t")


@dataclass
class _Edits:
    """Changes to a text, by places in it."""

    _changes: list[tuple[int, int, str]] = field(default_factory=list)

    def insert(self, place: int, text: str) -> None:
        """Put something in."""
        self.replace(place, place, text)

    def replace(self, start: int, end: int, text: str) -> None:
        """Put something in the place of what is there."""
        self._changes.append((start, end, text))

    def retag(self, element: _Element, changes: dict[str, str | None], without: Sequence[str] = ()) -> None:
        """Change an element's attributes; None is an attribute without a value."""
        attributes = {name: value for name, value in element.attributes.items() if name not in without} | changes
        if attributes == element.attributes:
            return
        written = "".join(
            f" {name}" if value is None else f' {name}="{escape(value)}"' for name, value in attributes.items()
        )
        self.replace(element.start, element.end, f"<{element.name}{written}>")

    def applied_to(self, text: str) -> str:
        """Return the text with all changes made."""
        pieces, at = [], 0
        for start, end, new in sorted(self._changes, key=lambda one: one[:2]):
            pieces += [text[at:start], new]
            at = end
        return "".join((*pieces, text[at:]))
