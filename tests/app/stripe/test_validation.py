"""Requests are checked against the SDK's own request types."""

import pytest
from stripe import params
from stripe.params import checkout

from demo.stripe.errors import StripeFault
from demo.stripe.forms import decode_form
from demo.stripe.validation import check


def refusal(request_type, form: str) -> dict:
    with pytest.raises(StripeFault) as caught:
        check(request_type, decode_form(form))
    assert caught.value.status == 400
    assert not caught.value.stored
    return caught.value.body["error"]


def test_form_encoding_makes_nested_objects_and_lists():
    assert decode_form("a[b][c]=1&d[0]=x&d[1]=y&e[0][f]=z") == {
        "a": {"b": {"c": "1"}},
        "d": ["x", "y"],
        "e": [{"f": "z"}],
    }


def test_values_get_their_types():
    form = "amount=100&currency=eur&off_session=true&metadata[a]=b&expand[0]=latest_charge"
    assert check(params.PaymentIntentCreateParams, decode_form(form)) == {
        "amount": 100,
        "currency": "eur",
        "off_session": True,
        "metadata": {"a": "b"},
        "expand": ["latest_charge"],
    }


@pytest.mark.parametrize(
    ("request_type", "form", "param", "code"),
    [
        (params.PaymentIntentCreateParams, "amount=1&currency=eur&fee=3", "fee", "parameter_unknown"),
        (params.PaymentIntentCreateParams, "currency=eur", "amount", "parameter_missing"),
        (params.PaymentIntentCreateParams, "amount=1.5&currency=eur", "amount", "parameter_invalid_integer"),
        (
            params.PaymentIntentCreateParams,
            "amount=1&currency=eur&payment_method_types[0]=card",
            "payment_method_types",
            "payment_method_types_no_longer_supported",
        ),
        (
            params.SetupIntentCreateParams,
            "payment_method_types[0]=card",
            "payment_method_types",
            "payment_method_types_no_longer_supported",
        ),
        (
            params.PaymentIntentCreateParams,
            "amount=1&currency=eur&automatic_payment_methods[allow_redirects]=never",
            "automatic_payment_methods[enabled]",
            "parameter_missing",
        ),
        (
            checkout.SessionCreateParams,
            "line_items[0][price_data][product_data][title]=x&line_items[0][price_data][currency]=eur",
            "line_items[0][price_data][product_data][title]",
            "parameter_unknown",
        ),
    ],
)
def test_a_wrong_request_is_refused_naming_the_parameter(request_type, form, param, code):
    error = refusal(request_type, form)
    assert (error["param"], error["code"]) == (param, code)


@pytest.mark.parametrize(
    ("request_type", "form", "param"),
    [
        # The SDK's types widen enums with `str`; Stripe does not.
        (checkout.SessionCreateParams, "ui_mode=hosted", "ui_mode"),
        (params.PaymentIntentCreateParams, "amount=1&currency=eur&capture_method=later", "capture_method"),
        (params.PaymentIntentCreateParams, "amount=1&currency=eur&confirm=yes", "confirm"),
        (params.EventListParams, "types=payment_intent.succeeded", "types"),
        (params.EventListParams, "created[since]=5", "created[since]"),
    ],
)
def test_a_value_outside_the_named_ones_is_refused(request_type, form, param):
    assert refusal(request_type, form)["param"] == param


def test_the_names_of_endive_are_accepted():
    assert check(checkout.SessionCreateParams, {"ui_mode": "hosted_page"}) == {"ui_mode": "hosted_page"}
    assert check(params.EventListParams, decode_form("types[0]=a&created[gte]=5")) == {
        "types": ["a"],
        "created": {"gte": 5},
    }
