"""The pieces of a scenario."""

import pydantic
import pytest

from abm import spec
from abm.protocol_spec import LiquidationSpec, PerpSpec
from abm.spec import BridgeSpec, ChainSpec, ShockSpec, Spec

PIECES = [getattr(spec, name) for name in spec.__all__]


@pytest.mark.parametrize("piece", PIECES)
def test_a_piece_is_frozen_and_refuses_unknown_keys(piece: type[Spec]) -> None:
    assert issubclass(piece, Spec)
    assert piece.model_config["frozen"] is True
    assert piece.model_config["extra"] == "forbid"
    assert piece.__doc__


def test_a_value_cannot_be_changed_afterwards() -> None:
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        PerpSpec(asset="BTC").imf = 0.1  # type: ignore[misc]


def test_maintenance_may_equal_the_initial_fraction_but_not_exceed_it() -> None:
    assert PerpSpec(asset="BTC", imf=0.05, mmf=0.05).mmf == 0.05
    with pytest.raises(pydantic.ValidationError, match=r"mmf 0.051 exceeds imf 0.05"):
        PerpSpec(asset="BTC", imf=0.05, mmf=0.051)


def test_a_bridge_asks_for_no_more_attestations_than_it_has_verifiers() -> None:
    assert BridgeSpec(name="b", source="x", target="y", verifiers=3, threshold=3).threshold == 3
    with pytest.raises(pydantic.ValidationError, match="threshold 4 exceeds the 3 verifiers"):
        BridgeSpec(name="b", source="x", target="y", verifiers=3, threshold=4)


def test_spans_run_forwards() -> None:
    assert ChainSpec(name="a", outages=((1.0, 2.0), (0.0, 0.5))).outages[0] == (1.0, 2.0)
    with pytest.raises(pydantic.ValidationError, match=r"from 2.0 is not before to 1.0"):
        ChainSpec(name="a", outages=((2.0, 1.0),))


def test_a_coin_cannot_lose_more_than_all_of_its_price() -> None:
    with pytest.raises(pydantic.ValidationError, match="greater than -1"):
        ShockSpec(name="s", at=0.0, move=-1.0)


def test_the_default_waterfall_has_every_layer_once() -> None:
    assert LiquidationSpec().waterfall == ("fund", "vault", "adl", "socialise")
