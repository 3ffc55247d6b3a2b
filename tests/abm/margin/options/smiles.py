"""Smiles for tests: one as Bitcoin's could be, and any that there can be."""

from dataclasses import replace

from hypothesis import strategies as st

from abm.margin.options.smile import Smile

DAY = 86_400.0

BITCOIN = Smile(
    rho=-0.25, eta=1.2, gamma=0.45, long_vol=0.55, half_life=20 * DAY, spot_beta=-1.0, least_vol=0.15, most_vol=3.0,
    shortest=DAY / 4,
)  # fmt: skip


@st.composite
def smiles(draw: st.DrawFn) -> Smile:
    """Over the whole range that is free of arbitrage, up to its border."""
    rho = draw(st.floats(-0.95, 0.95))
    return replace(
        BITCOIN,
        rho=rho,
        eta=draw(st.floats(0.05, 1.0)) * 2.0 / (1.0 + abs(rho)),
        gamma=draw(st.floats(0.05, 0.5)),
        long_vol=draw(st.floats(0.15, 2.0)),
        half_life=draw(st.floats(0.2, 400.0)) * DAY,
        shortest=draw(st.floats(60.0, 2 * DAY)),
    )
