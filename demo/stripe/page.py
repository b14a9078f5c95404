"""The hosted page as a browser sees it: one form, three buttons, no script."""

from decimal import Decimal
from html import escape
from string import Template

from .world import StripeObject

_PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title><style>
body{font:16px/1.5 system-ui,sans-serif;max-width:24rem;margin:3rem auto;padding:0 1rem;color:#1a1f36}
h1{font-size:1.2rem}label,input,button{display:block;width:100%;box-sizing:border-box}
input{font-size:1.1rem;padding:.6rem;margin:.3rem 0 1rem;border:1px solid #8792a2;border-radius:6px}
button{font-size:1rem;padding:.7rem;margin:.4rem 0;border:0;border-radius:6px;background:#4b45c6;color:#fff}
button.cancel{background:#e3e8ee;color:#1a1f36}.error{color:#a41c4e}.note{color:#4f566b;font-size:.85rem}
</style></head><body><p class="note">Test mode: no real money</p><h1>$label</h1>$body</body></html>
""")

_FORM = Template("""$error<form method="post" autocomplete="off">
<label for="number">Card number or IBAN</label>
<input id="number" name="number" inputmode="text" required value="4242 4242 4242 4242">
<button name="action" value="submit">$submit</button>
<button class="cancel" name="action" value="cancel" formnovalidate>Cancel</button></form>""")

_ZERO_DECIMAL = ("jpy", "krw", "clp", "vnd", "xof", "xaf")


def form_page(session: StripeObject, decline: str | None = None) -> str:
    """Return the page of an open session; `decline` is why the last try failed."""
    error = f'<p class="error" role="alert">Declined: {escape(decline)}</p>' if decline else ""
    submit = "Save card" if session["mode"] == "setup" else f"Pay {_amount(session)}"
    return _page(session, _FORM.substitute(error=error, submit=escape(submit)))


def closed_page(session: StripeObject) -> str:
    """Return what a session shows once it is complete or expired."""
    return _page(session, f"<p>This page is {escape(session['status'])}.</p>")


def _page(session: StripeObject, body: str) -> str:
    label = escape(session["_label"])
    return _PAGE.substitute(title=f"Checkout: {label}", label=label, body=body)


def _amount(session: StripeObject) -> str:
    exponent = 0 if session["currency"] in _ZERO_DECIMAL else 2
    return f"{Decimal(session['amount_total']).scaleb(-exponent)} {session['currency'].upper()}"
