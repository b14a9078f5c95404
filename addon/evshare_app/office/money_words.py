"""What plans, costs and the owners' rules are called in the office."""

from ..books.payers import PlanKind
from ..i18n import mark
from ..split.items import Every
from ..split.keys import Key
from ..split.methods import Method
from ..split.reconcile import Bearer, LossAlarm
from ..split.solar import SolarSharing
from ..split.sources import SolarRule
from ..statement.costs import CostKind

ACCOUNT_KINDS = {"household": mark("Household"), "employer": mark("Employer")}
PLAN_KINDS = {
    PlanKind.PAY_AS_YOU_GO: mark("Pay as you go"),
    PlanKind.PREPAID: mark("Prepaid"),
    PlanKind.SUBSCRIPTION: mark("Subscription"),
}
COST_KINDS = {
    CostKind.LOAN: mark("Loan"),
    CostKind.MAINTENANCE: mark("Maintenance"),
    CostKind.BASE: mark("Base fee"),
    CostKind.LOSSES: mark("Losses"),
    CostKind.DEMAND: mark("Demand charge"),
    CostKind.ENERGY: mark("Energy"),
    CostKind.OTHER: mark("Something else"),
}
KEYS = {
    Key.EQUAL: mark("equally"),
    Key.STALL: mark("by stalls held"),
    Key.OWNERSHIP: mark("by ownership shares"),
    Key.KWH: mark("by kWh charged"),
    Key.CAPACITY: mark("by the capacity of stalls held"),
    Key.TIME: mark("by time at a stall"),
    Key.CUSTOM: mark("by weights of your own"),
}
EVERY = {Every.MONTH: mark("every month"), Every.YEAR: mark("every year"), Every.ONCE: mark("once")}
METHODS = {
    Method.FIXED: mark("Fixed prices: the tariff is what is paid"),
    Method.ACTUAL: mark("Actual cost: each bill is settled against what was paid"),
    Method.PROVISIONAL: mark("Provisional prices: the year is settled in December"),
}
BEARERS = {
    Bearer.COMMON: mark("the building"),
    Bearer.KWH: mark("the accounts, by kWh"),
    Bearer.EQUAL: mark("the accounts, equally"),
}
SOLAR_RULES = {
    SolarRule.FIRST_COME: mark("The house first: cars get what would have been exported"),
    SolarRule.PROPORTIONAL: mark("Cars and house get the same mix"),
}
SHARINGS = {
    SolarSharing.BY_USE: mark("by use: whoever charges while it shines"),
    SolarSharing.EQUAL: mark("equally"),
    SolarSharing.OWNERSHIP: mark("by ownership shares"),
    SolarSharing.BANK: mark("by ownership shares, and what one does not use is kept for them"),
}
ALARMS = {
    LossAlarm.NEGATIVE: mark(
        "The stalls’ meters counted more than the feeder. One of them is wrong, or their clocks are apart: "
        "have them looked at before anybody pays for it."
    ),
    LossAlarm.LARGE: mark(
        "More is lost than cables and electronics explain (3 percent, or 2 kWh). Something may draw power that no "
        "stall’s meter counts, a meter may be wrong, or the bill’s days may differ from the meters’."
    ),
}
