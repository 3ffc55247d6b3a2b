"""Documents, presets and outputs that are wrong, as the margin commands tell them."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.experiments.cli.books import LINEAR, LOAN, UNIVERSAL, put, written
from tests.experiments.cli.command_line import crossfire, refused

pytestmark = pytest.mark.xdist_group("cli")

TEXT = json.dumps(LINEAR)
LEG = {"series": "ETH-2DEC-2200-C", "size": 1}
TWICE = [LINEAR["accounts"][1]["positions"][0]] * 2

DOCUMENTS: dict[str, tuple[Any, str, list[str]]] = {
    "malformed": (TEXT.replace('"cash": 12000', '"cash" 12000'), "dydx_v4", ["is no JSON", "line 1 column", "mend the syntax"]),
    "truncated": (TEXT[:100], "dydx_v4", ["is no JSON"]),
    "empty": ("", "dydx_v4", ["is empty"]),
    "blank": ("  \n", "dydx_v4", ["is empty"]),
    "a list at the top": ("[]", "dydx_v4", ["is no table of keys"]),
    "a number at the top": ("3", "dydx_v4", ["is no table of keys"]),
    "tables without end": ("[" * 100_000, "dydx_v4", ["is no JSON"]),
    "a key twice": ('{"accounts": [], "accounts": []}', "dydx_v4", ["'accounts' twice"]),
    "NaN": (TEXT.replace("12000", "NaN"), "dydx_v4", ["accounts.0.cash", "finite"]),
    "infinite": (TEXT.replace("12000", "-Infinity"), "dydx_v4", ["accounts.0.cash", "finite"]),
    "1e400": (TEXT.replace("12000", "1e400"), "dydx_v4", ["accounts.0.cash", "finite"]),
    "digits without end": (TEXT.replace("12000", "9" * 5_000), "dydx_v4", ["digits"]),
    "a size beyond all": (put(LINEAR, "accounts", 0, "positions", 1, "size", value=1e300), "dydx_v4", ["accounts.0.positions.1.size", "too large"]),
    "a price beyond all": (put(LINEAR, "prices", "BTC", value=1e300), "dydx_v4", ["prices.BTC", "too large"]),
    "a price of next to nothing": (put(LINEAR, "prices", "BTC", value=5e-324), "dydx_v4", ["prices.BTC", "too small"]),
    "a price of zero": (put(LINEAR, "prices", "BTC", value=0), "dydx_v4", ["prices.BTC", "greater than 0"]),
    "a price below zero": (put(LINEAR, "prices", "BTC", value=-1), "dydx_v4", ["prices.BTC", "greater than 0"]),
    "a price in words": (put(LINEAR, "prices", "BTC", value="60000"), "dydx_v4", ["prices.BTC", "'60000'"]),
    "a price missing": (put(LINEAR, "prices", value={"ETH": 2_500}), "dydx_v4", ["accounts.0.positions.0.market", "'BTC' has no price"]),
    "no accounts": (put(LINEAR, "accounts", value=[]), "dydx_v4", ["accounts: is empty"]),
    "accounts as a table": (put(LINEAR, "accounts", value={}), "dydx_v4", ["accounts: is no list"]),
    "an account that is a number": (put(LINEAR, "accounts", 1, value=3), "dydx_v4", ["accounts.1: is no table"]),
    "an account twice": (put(LINEAR, "accounts", 1, "account", value="a"), "dydx_v4", ["accounts.1.account", "'a' is there twice"]),
    "a name that is none": (put(LINEAR, "accounts", 1, "account", value="a\x1b[31m\nb"), "dydx_v4", ["accounts.1", "printed"]),
    "an unknown key": (put(LINEAR, "accounts", 1, "csh", value=1), "dydx_v4", ["accounts.1.csh", "did you mean 'cash'?"]),
    "a position twice": (put(LINEAR, "accounts", 1, "positions", value=TWICE), "dydx_v4", ["accounts.1", "two positions in BTC"]),
    "ten thousand positions": (put(LINEAR, "accounts", 1, "positions", value=TWICE * 5_000), "dydx_v4", ["accounts.1.positions", "10,000", "1,024"]),
    "ten thousand legs": (put(UNIVERSAL, "accounts", 0, "options", value=[LEG] * 10_000), "derive_pmrm", ["accounts.0.options", "10,000", "1,024"]),
    "an unknown market": (put(LINEAR, "accounts", 1, "positions", 0, "market", value="BTX"), "dydx_v4", ["accounts.1.positions.0.market", "did you mean 'BTC'?"]),
    "a market that the preset lacks": (LINEAR, "mango_v4", ["accounts.0.positions.ETH", "mango_v4 has no market ETH", "BTC, SOL"]),
    "a market where there are none": (LINEAR, "aave_v3", ["accounts.0.positions.BTC", "no market at all"]),
    "an unknown asset": (put(LINEAR, "accounts", 1, "collateral", value={"DOGE": 1}), "dydx_v4", ["accounts.1.collateral.DOGE", "no price"]),
    "an asset that the preset lacks": (
        put(put(LINEAR, "accounts", 1, "collateral", value={"DOGE": 1}), "collateral_prices", value={"DOGE": 0.1}),
        "dydx_v4", ["accounts.1.collateral.DOGE", "dydx_v4 has no collateral DOGE"],
    ),
    "a debt where nothing is lent": (put(UNIVERSAL, "accounts", 0, "collateral", "ETH", value=-1), "derive_pmrm", ["accounts.0.collateral.ETH", "is negative (-1)"]),
    "a volatility missing": (put(LINEAR, "volatility", value={"BTC": 0.03}), "dydx_v4", ["volatility", "ETH"]),
    "a volatility of zero": (put(LINEAR, "volatility", "BTC", value=0), "dydx_v4", ["volatility.BTC"]),
    "a correlation of one": (put(LINEAR, "correlation", value=1), "dydx_v4", ["correlation", "less than 1"]),
    "a strike of zero": (put(UNIVERSAL, "series", 0, "strike", value=0), "derive_pmrm", ["series.0.strike", "greater than 0"]),
    "an expiry in the past": (put(UNIVERSAL, "series", 0, "expiry", value="2026-11-24T08:00:00Z"), "derive_pmrm", ["series.0.expiry", "not after time"]),
    "an expiry that is none": (put(UNIVERSAL, "series", 0, "expiry", value="soon"), "derive_pmrm", ["series.0.expiry", "'soon'"]),
    "a series that is not there": (put(UNIVERSAL, "accounts", 0, "options", 0, "series", value="X"), "derive_pmrm", ["accounts.0.options.0.series", "'X'"]),
    "options where there are none": (put(UNIVERSAL, "futures", value=[]), "dydx_v4", ["accounts.0.options", "dydx_v4 has no options"]),
    "futures where there are none": (put(put(UNIVERSAL, "accounts", 0, "options", value=[]), "series", value=[]), "dydx_v4", ["futures", "dydx_v4 has no dated futures"]),
    "a future in the past": (put(UNIVERSAL, "futures", 0, "expiry", value="2026-11-24"), "derive_pmrm", ["futures.0.expiry", "not after time"]),
    "a future on what is not there": (put(UNIVERSAL, "futures", 0, "underlying", value="ETC"), "derive_pmrm", ["futures.0.underlying", "did you mean 'ETH'?"]),
    "a future on itself": (put(UNIVERSAL, "futures", 0, "underlying", value="ETH-JAN"), "derive_pmrm", ["futures.0.underlying", "itself"]),
    "a future twice": (put(UNIVERSAL, "futures", value=UNIVERSAL["futures"] * 2), "derive_pmrm", ["futures.1.market", "twice"]),
    "a future that is a perpetual": (
        put(UNIVERSAL, "futures", 0, value={"market": "ETH", "underlying": "ETH-JAN", "seconds": 60}), "derive_pmrm", ["futures.0.underlying", "no market ETH-JAN"],
    ),
    "two positions in a pool": (LINEAR, "gmx_v2", ["accounts.0.positions", "one position"]),
    "two coins in an inverse account": (LINEAR, "deribit_inverse", ["accounts.0.positions", "two coins"]),
    "a balance in USD for coins": (
        put(LOAN | {"prices": {"BTC": 1}}, "accounts", value=[{"quote": 1, "positions": [{"market": "BTC", "size": 1}]}]),
        "bybit_inverse", ["accounts.0.quote", "settles in the coin"],
    ),
}  # fmt: skip


def commands(preset: str, book: Path) -> list[tuple[Any, ...]]:
    """Every command that reads a document, with something to write where it can."""
    return [
        ("margin", book, "--protocol", preset),
        ("margin", book, "--protocol", preset, "--json"),
        ("margin", "explain", book, "--protocol", preset, "--picture", "out.png"),
        ("margin", "stress", book, "--protocol", preset, "--picture", "out.png"),
        ("margin", "compare", preset, preset, book, "--picture", "out.png"),
    ]


@pytest.mark.parametrize("fault", DOCUMENTS)
def test_a_fault_in_a_document_is_one_line_with_its_key(fault: str) -> None:
    document, preset, told = DOCUMENTS[fault]
    for words in commands(preset, written(document)):
        refused(crossfire(*words), "book.json", *told)
    assert [p.name for p in Path().iterdir()] == ["book.json"]


def test_the_documents_are_right_but_for_their_faults() -> None:
    for document, preset in ((LINEAR, "dydx_v4"), (UNIVERSAL, "derive_pmrm"), (LOAN, "aave_v3")):
        assert crossfire("margin", written(document), "--protocol", preset).code == 0


def test_what_is_no_file_is_told() -> None:
    Path("folder.json").mkdir()
    Path("bytes.json").write_bytes(b"\xff\xfe{}")
    for name, words in {"folder.json": "cannot be read", "none.json": "cannot be read", "bytes.json": "UTF-8"}.items():
        for command in commands("dydx_v4", Path(name)):
            refused(crossfire(*command), name, words)


def test_pictures_that_cannot_be_written_leave_nothing() -> None:
    book = written(LINEAR)
    Path("folder.png").mkdir()
    faults = {"why.jpg": "name it .png", "no/why.png": "folder", "folder.png": "cannot be written"}
    for picture, told in faults.items():
        for words in (
            ("explain", book, "--protocol", "dydx_v4", "--account", "a"), ("stress", book, "--protocol", "dydx_v4"),
            ("compare", "dydx_v4", "binance", book),
        ):  # fmt: skip
            refused(crossfire("margin", *words, "--picture", picture), picture, told)
    assert sorted(p.name for p in Path().iterdir()) == ["book.json", "folder.png"]


WORDS = {
    "a preset that is none": (("book.json", "--protocol", "dydx"), ["dydx", "did you mean 'dydx_v4'?"]),
    "no preset": (("book.json",), ["--protocol"]),
    "an account that is none": (("explain", "book.json", "--protocol", "dydx_v4", "--account", "z"), ["accounts", "'z'"]),
    "a picture of two": (("explain", "book.json", "--protocol", "dydx_v4", "--picture", "p.png"), ["name it with --account"]),
    "a lead that is none": (("stress", "book.json", "--protocol", "dydx_v4", "--lead", "BTX"), ["--lead BTX", "'BTC'"]),
    "shocks in words": (("stress", "book.json", "--protocol", "dydx_v4", "--price=down"), ["--price down", "-0.3,-0.1,0"]),
    "a shock of nan": (("stress", "book.json", "--protocol", "dydx_v4", "--price=nan"), ["--price nan", "finite"]),
    "a fall below zero": (("stress", "book.json", "--protocol", "dydx_v4", "--price=-1.5"), ["--price", "change it"]),
    "a correlation of two": (("stress", "book.json", "--protocol", "dydx_v4", "--correlation", "2"), ["--correlation"]),
    "a part of nothing": (("stress", "book.json", "--protocol", "dydx_v4", "--part", "0"), ["--part"]),
    "units that differ": (("compare", "dydx_v4", "bybit_inverse", "one.json"), ["reckon in USDC and in BTC"]),
    "a mode that is none": (("compare", "dydx_v4", "dydx_v4:alone", "book.json"), ["dydx_v4:alone"]),
}  # fmt: skip


@pytest.mark.parametrize("fault", WORDS)
def test_a_wrong_word_is_one_line(fault: str) -> None:
    written(LINEAR)
    written({"prices": {"BTC": 60_000}, "accounts": [LINEAR["accounts"][1]]}, "one.json")
    words, told = WORDS[fault]
    refused(crossfire("margin", *words), *told)
    assert not Path("p.png").exists()


def test_as_many_legs_as_one_account_may_have_are_valued() -> None:
    series = [{"name": f"C{i}", "underlying": "ETH", "type": "call", "strike": 1_000 + i, "seconds": 86_400, "vol": 0.6}
              for i in range(1_024)]  # fmt: skip
    legs = [{"series": f"C{i}", "size": 1 if i % 2 else -1} for i in range(1_024)]
    book = {"prices": {"ETH": 2_000}, "series": series, "accounts": [{"cash": 1e6, "options": legs}]}
    answer = crossfire("margin", written(book), "--protocol", "derive_pmrm", "--json")
    assert (answer.code, answer.err) == (0, "")
    assert json.loads(answer.out)[0]["state"] == "safe"


def test_more_accounts_than_fit_sixteen_bits_are_valued() -> None:
    position = {"market": "BTC", "size": 1, "entry": 60_000}
    accounts = [{"cash": 1_000 + i, "positions": [position]} for i in range(40_000)]
    answer = crossfire(
        "margin", written({"prices": {"BTC": 60_000}, "accounts": accounts}), "--protocol", "dydx_v4", "--json"
    )
    rows = json.loads(answer.out)
    assert len(rows) == 40_000
    assert (rows[-1]["account"], rows[-1]["equity"]) == ("39999", 40_999.0)
