from abm.prices.path import PricePath, build_prices

__all__ = ["PricePath", "build_prices"]
