"""Families of margin rules by the name that presets call them by."""

from abm.margin.engine import Engine
from abm.margin.families.backstop import Backstop
from abm.margin.families.exchange_tiers import ExchangeTiers
from abm.margin.families.inverse import Inverse
from abm.margin.families.lending import Lending
from abm.margin.families.pool_priced import PoolPriced
from abm.margin.families.scenario_grid import ScenarioGrid
from abm.margin.families.settle_token import SettleToken
from abm.margin.families.size_premium import SizePremium
from abm.margin.families.skew_priced import SkewPriced
from abm.margin.families.weighted import Weighted

__all__ = ["FAMILIES"]

FAMILIES: dict[str, type[Engine]] = {
    "backstop": Backstop,
    "exchange_tiers": ExchangeTiers,
    "inverse": Inverse,
    "lending": Lending,
    "pool_priced": PoolPriced,
    "scenario_grid": ScenarioGrid,
    "settle_token": SettleToken,
    "size_premium": SizePremium,
    "skew_priced": SkewPriced,
    "weighted": Weighted,
}
