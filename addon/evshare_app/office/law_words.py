"""What a country's law profile asks, in words: message ids of the catalogues and what goes into them."""

from collections.abc import Mapping

from ..i18n import mark
from ..statement.law_profile import LawProfile

_METERS: Mapping[str, str] = {
    "none": mark("It asks for no class of meters."),
    "mid": mark("Where several people share a stall it wants a meter with MID approval."),
    "eichrecht": mark("Where several people share a stall it wants a meter that conforms to calibration law."),
}


def law_wants(profile: LawProfile) -> list[tuple[str, Mapping[str, object]]]:
    """Return one sentence per thing a profile asks for."""
    return [
        (
            mark("Energy may be sold by the kilowatt-hour.")
            if profile.per_kwh
            else mark("Energy may not be sold by the kilowatt-hour."),
            {},
        ),
        (_METERS[profile.metrology], {}),
        (
            mark("Issued documents are to be kept for %(years)s years; evshare deletes none."),
            {"years": profile.retention_years},
        ),
        *(
            [(mark("No way of paying may cost extra; evshare has no such fee."), {})]
            if profile.surcharge_locked
            else []
        ),
    ]
