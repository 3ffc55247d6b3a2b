"""The report: one page that needs nothing else, says what happened, and says so where there is nothing to show."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import polars as pl
import pytest
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from abm.contagion.attribution import attribute
from abm.contagion.endogenous import endogenous_share
from abm.contagion.graph import trees
from abm.contagion.measures import origins
from abm.errors import RunFolderError
from abm.record import Record, empty_tables
from experiments.figures.units import compact
from experiments.report import one_bad_asset, report_run, report_sweep, write_report
from experiments.report.accounts import agents_section, by_cohort
from experiments.report.blocks import Grid, Notice, Section, Words, grid, money, name, share, whole
from experiments.report.bridges import bridges_section
from experiments.report.losses import losses_section
from experiments.report.one_bad import one_bad_section
from experiments.report.origin import manifest_grid
from experiments.report.outcomes import title, unit
from experiments.report.replay import replay_section, simulated_timeline
from experiments.report.view import read_sweep
from experiments.report.write import find_compare
from tests.experiments import synthetic

REPLAY = {"kind": "replay", "file": "bars.parquet"}


class Page(HTMLParser):
    """Tags, ids, links and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self._quiet = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._quiet = tag == "style"
        for key, value in attrs:
            if key == "id" and value:
                self.ids.append(value)
            if key in ("href", "src", "xlink:href", "data", "action") and value:
                self.links.append(value)

    def handle_data(self, data: str) -> None:
        if not self._quiet:
            self.text += data


@pytest.fixture(scope="module")
def run_page() -> str:
    return report_run(synthetic.record(120))


@pytest.fixture(scope="module")
def calm_page() -> str:
    return report_run(synthetic.record(0))


def told(section: Section | None) -> str:
    """Words, notices and cells of a section, without drawing a page."""
    assert section is not None
    parts: list[str] = []
    for block in section.blocks:
        if isinstance(block, Grid):
            parts += [" ".join(row) for row in block.rows]
        elif isinstance(block, Words | Notice):
            parts.append(block.text)
    return "\n".join(parts)


def headings(page: str) -> list[str]:
    return re.findall(r"<h2>(.*?)</h2>", page)


class TestPage:
    def test_needs_nothing_else(self, run_page: str) -> None:
        page = Page(run_page)
        assert all(link.startswith("#") for link in page.links)
        assert not {"script", "link", "img", "iframe", "object", "form"} & set(page.tags)
        assert "@import" not in run_page
        assert not re.findall(r"url\((?!#)", run_page)

    def test_links_and_ids_fit(self, run_page: str) -> None:
        page = Page(run_page)
        assert len(page.ids) == len(set(page.ids))
        assert {link[1:] for link in page.links} <= set(page.ids)

    def test_is_small_and_the_same_each_time(self, run_page: str) -> None:
        assert len(run_page.encode()) < 3_000_000
        assert report_run(synthetic.record(120)) == run_page

    def test_every_figure_is_drawn_for_wide_and_for_small_screens(self, run_page: str) -> None:
        assert run_page.count('class="wide"') == run_page.count('class="narrow"') >= 6

    def test_templates_are_in_the_package(self) -> None:
        folder = files("experiments") / "templates"
        assert {p.name for p in folder.iterdir()} == {
            "block.html.j2",
            "report.css.j2",
            "report.html.j2",
            "scenario.toml",
        }

    def test_sections_of_a_run_in_order(self, run_page: str) -> None:
        assert headings(run_page) == [
            "What happened",
            "Timeline",
            "What the breaches were due to",
            "Who caused whom",
            "What was systemic",
            "Who paid",
            "Accounts by cohort",
            "Agents",
            "Four prices of the market hit hardest",
            "Depth and funding",
            "Bridges",
            "Origin",
        ]

    def test_whatever_the_record_holds_is_escaped(self) -> None:
        record = synthetic.record(30)
        evil = '<script>alert("x")</script>'
        tables = dict(record.tables)
        for table in ("accounts", "breaches"):
            tables[table] = tables[table].with_columns(cohort=pl.lit(evil))
        tables["breaches"] = tables["breaches"].with_columns(protocol=pl.lit("harbor"))
        tables["agents"] = tables["agents"].with_columns(name=pl.lit(evil))
        page = report_run(replace(record, tables=tables, manifest=record.manifest | {"note": evil}))
        assert "script" not in Page(page).tags
        assert page.count("&lt;script&gt;") > 5


class TestAnswer:
    def test_tells_counts_money_causes_and_origins(self, run_page: str) -> None:
        record = synthetic.record(120)
        text = Page(run_page).text
        notional = (record["liquidations"]["quantity"].abs() * record["liquidations"]["price"]).sum()
        owners = record["breaches"]["owner"].n_unique()
        assert f"120 accounts of {owners} owners fell below maintenance margin (120 first breaches)" in text
        opened = record["markets"].filter(pl.col("time") == 0.0)["open_interest"].sum()
        part = f"{100 * notional / opened:.1f} % of the opening open interest"
        assert f"120 executions closed {notional / 1e6:.2f}M USD of notional, {part}" in text
        assert "insurance fund" in text
        share = endogenous_share(record, attribute(record).endogenous)
        assert f"{100 * share['first_usd']:.1f} % is due to the price moves of liquidations before them and" in text
        assert f"Liquidations had {100 * share['first']:.1f} % with each first breach counting the same" in text
        top = origins(record).row(0, named=True)
        assert f"was that of account {top['account']} (" in text
        assert f"worth {top['others']:.2f} breaches of other owners" in text

    def test_a_tree_is_told_with_the_share_of_its_parents(self) -> None:
        """Liquidations ten times as large: some breaches have most of their fall from them."""
        record = synthetic.record(120, impact=10.0)
        tree = trees(record).row(0, named=True)
        assert tree["size"] > 1
        text = Page(report_run(record)).text
        assert f"the largest tree of such has {tree['size']} breaches, in which a parent alone had" in text
        assert f"{100 * tree['parent_share']:.1f} % of its child at the median" in text
        assert "median share of a parent alone (%)" in text

    def test_without_a_tree_the_roots_are_shown_with_what_pushed_them(self) -> None:
        record = synthetic.record(60, impact=0.01)
        assert trees(record)["size"].to_list() == [1] * 60
        page = report_run(record)
        text = Page(page).text
        assert "No breach had most of its fall from earlier liquidations" in text
        assert "each is a root and there is no tree" in text
        assert "Where the cascade began:" in text
        assert 'id="cascade-wide' in page

    def test_a_calm_run_says_so_and_shows_no_empty_panel(self, calm_page: str) -> None:
        text = Page(calm_page).text
        assert "No account fell below its maintenance margin in 60 min: nothing was liquidated." in text
        assert text.count("There was no breach") == 3
        assert "Nobody had to pay for others" in text
        assert calm_page.count('class="wide"') == 3

    def test_a_bare_record_is_all_sentences(self) -> None:
        page = report_run(Record(synthetic.scenario(bridges=[]), empty_tables()))
        text = Page(page).text
        assert "<svg" not in page
        for sentence in (
            "No market was sampled in this run",
            "No agent lived in this world.",
            "No account existed in this run.",
            "This world has no bridge.",
        ):
            assert sentence in text


def least_widths(page: str) -> dict[str, float]:
    """The least width of each table, px, by its caption: words are not broken, numbers not wrapped (report.css.j2)."""
    found = {}
    for caption, table in re.findall(
        r"<figcaption>([^<]*)</figcaption>\s*<div class=.scroll.*?<table>(.*?)</table>", page, re.S
    ):
        rows = [re.findall(r"<(t[hd])([^>]*)>([^<]*)</", row) for row in re.findall(r"<tr>(.*?)</tr>", table, re.S)]
        columns = [max(_least(*cell) for cell in column) for column in zip(*rows, strict=True)]
        found[caption] = sum(columns)
    return found


def _least(tag: str, attributes: str, text: str) -> float:
    whole_ = tag == "td" and 'class="n"' in attributes
    parts = [text] if whole_ else re.split(r"\s|(?<=-)", text)
    font = FontProperties(family="DejaVu Sans", weight="bold" if tag == "th" else "normal")
    return (
        max(TextPath((0, 0), part, size=14.08, prop=font).get_extents().width if part else 0.0 for part in parts) + 18
    )


class TestTables:
    def test_tables_fit_the_page(self) -> None:
        """1,280 px wide and more: the text of the page has 1,024 px less the margins."""
        page = report_run(synthetic.record(120), sweep=synthetic.sweep())
        assert "td:not(.n) { white-space: normal; }" in page
        found = least_widths(page)
        assert len(found) > 8
        assert {caption: width for caption, width in found.items() if width > 1024 - 64 - 2} == {}

    def test_agents_of_equal_profit_stand_in_natural_order(self) -> None:
        agents = synthetic.record(0)["agents"].head(1)
        names = ["late-10", "late-2", "keeper", "late-1"]
        rows = pl.concat(agents.with_columns(name=pl.lit(n), agent=pl.lit(i, pl.Int64)) for i, n in enumerate(names))
        record = synthetic.record(0)
        section = agents_section(replace(record, tables=record.tables | {"agents": rows}))
        (made,) = section.blocks
        assert isinstance(made, Grid)
        assert [row[0] for row in made.rows] == ["keeper", "late-1", "late-2", "late-10"]

    def test_a_bridges_messages_of_state_have_no_amount(self) -> None:
        record = synthetic.record(0)
        rows = record["bridges"]
        both = pl.concat(rows.head(2).with_columns(kind=pl.lit(k), amount=pl.lit(7.0)) for k in ("transfer", "state"))
        (made,) = bridges_section(replace(record, tables=record.tables | {"bridges": both})).blocks
        assert isinstance(made, Grid)
        told_ = {row[1]: row[7] for row in made.rows}
        assert told_["state"] == "–"
        assert told_["transfer"] in ("7", "14")

    def test_what_winners_got_is_told_without_what_rounds_to_nothing(self) -> None:
        record = synthetic.record(30)
        extra = record["losses"].head(1).with_columns(layer=pl.lit("adl_surplus"))

        def words(*amounts: float) -> str:
            rows = [extra.with_columns(amount=pl.lit(a)) for a in amounts]
            losses = pl.concat([record["losses"], *rows])
            return told(losses_section(replace(record, tables=record.tables | {"losses": losses})))

        assert "at prices 5 USD better for them" in words(-5.0, 7.5e-14)
        assert "5 USD better and 2 USD worse for them" in words(-5.0, 2.0)
        assert "also closed winners" not in words(-1e-13)

    def test_members_of_a_list_in_a_manifest_are_words(self) -> None:
        made = manifest_grid({"nodes": [{"cpus": 2, "name": "a"}], "schema": 1})
        assert made.rows == (("nodes", "cpus 2 name a"), ("schema", "1"))

    def test_a_grid_says_what_it_leaves_out(self) -> None:
        frame = pl.DataFrame(
            {"who": ["a", "", "c"], "usd": [1234.0, None, -0.5], "n": [1, 2, 3], "part": [0.5, 0.0, 1.0]}
        )
        columns = (name("who", "who"), money("usd", "paid"), whole("n", "count"), share("part", "part"))
        made = grid(frame, columns, "caption", most=2)
        assert made.heads == ("who", "paid (USD)", "count", "part (%)")
        assert made.rows == (("a", "1.23k", "1", "50.0"), ("–", "–", "2", "0.0"))
        assert made.note == "The first 2 of 3, largest first."
        assert grid(frame, columns, "caption").note == ""

    def test_closings_are_split_into_liquidations_and_the_rest(self) -> None:
        record = synthetic.record(60)
        table = by_cohort(record)
        notional = (record["liquidations"]["quantity"].abs() * record["liquidations"]["price"]).sum()
        assert table["liquidated"].sum() == pytest.approx(notional)
        start, end = (record["positions"].filter(pl.col("time") == t) for t in (0.0, synthetic.DURATION))
        coins = record["liquidations"].group_by("market").agg(pl.col("quantity").abs().sum()).sort("market")
        fell = (
            start.join(end, on=["protocol", "account", "market"], suffix="_end")
            .group_by("market")
            .agg(pl.col("price").first(), fell=(pl.col("size") - pl.col("size_end")).sum())
            .sort("market")
        )
        left = ((fell["fell"] - coins["quantity"]) * fell["price"]).sum()
        assert table["otherwise"].sum() == pytest.approx(left)
        assert table["accounts_start"].sum() == 240

    @pytest.mark.parametrize(
        ("outcome", "told"),
        [
            ("liquidated_notional", "USD"),
            ("bad_debt", "USD"),
            ("breaches", "breaches"),
            ("endogenous_share", "fraction"),
            ("first_adl_time", "s"),
            ("oddity", "number"),
        ],
    )
    def test_outcomes_have_units(self, outcome: str, told: str) -> None:
        assert unit(outcome) == told

    def test_titles_do_not_say_it_twice(self) -> None:
        assert title("breaches") == "breaches"
        assert title("bad_debt") == "bad debt (USD)"


class TestOneBadAsset:
    def test_known_answer(self) -> None:
        found = one_bad_asset(synthetic.one_bad_record())
        assert found is not None
        row = found.row(0, named=True)
        assert (found.height, row["account"], row["positions"], row["bad_market"]) == (1, 1, 3, "SOL-PERP")
        # BTC 1 x (99,000 - 90,000) + ETH -25 x (3,900 - 4,100); SOL 1,000 x (100 - 210)
        assert row["other_profit"] == pytest.approx(14_000)
        assert row["bad_profit"] == pytest.approx(-110_000)
        assert row["liquidated"] == pytest.approx(98_000 + 25 * 3_900 + 95_000)
        assert row["winners_closed"] == pytest.approx(98_000 + 25 * 3_900)
        assert (row["equity_start"], row["equity_end"]) == (90e3, -13e3)
        assert (row["isolated_protocol"], row["isolated_accounts"], row["isolated_breaches"]) == ("cells", 3, 1)
        assert (row["isolated_start"], row["isolated_end"]) == (90e3, 69e3)

    def test_a_position_that_turned_counts_from_the_splits_start(self) -> None:
        record = synthetic.one_bad_record()
        positions = record["positions"].with_columns(
            size=pl.when(pl.col("market") == "ETH-PERP").then(-pl.col("size")).otherwise("size")
        )
        found = one_bad_asset(replace(record, tables=record.tables | {"positions": positions}))
        assert found is not None
        assert found["other_profit"][0] == pytest.approx(9_000 + 25 * (4_100 - 3_900))

    def test_accounts_of_one_position_are_none(self) -> None:
        assert one_bad_asset(synthetic.record(60)) is None
        assert one_bad_asset(synthetic.record(0)) is None

    def test_is_told_with_its_isolated_twin(self) -> None:
        text = told(one_bad_section(synthetic.one_bad_record()))
        assert "1 cross account had a profit on every position but one when liquidated." in text
        assert "SOL-PERP had lost 110k USD, the others had gained 14k USD" in text
        assert "there 1 of 3 accounts breached (33.3 %)" in text
        assert "Equity changed by −103k USD in the cross accounts and by −21k USD in the isolated ones." in text


class TestReplay:
    def test_an_observed_path_adds_no_impact(self) -> None:
        venues = synthetic.scenario().to_dict()["venues"]
        venues[0]["impact"]["enabled"] = False
        record = synthetic.record(0, world=synthetic.scenario(prices=REPLAY, venues=venues))
        text = told(replay_section(record, None))
        assert "adds no impact of its own" in text
        assert "The scenario names no real timeline" in text

    def test_impact_on_an_observed_path_is_warned_of(self) -> None:
        record = synthetic.record(0, world=synthetic.scenario(prices=REPLAY, compare="real.parquet"))
        page = report_run(record)
        assert headings(page)[1] == "Replay of a real event"
        assert "counted twice" in page
        assert "&#39;real.parquet&#39; was not found" in page

    def test_simulated_and_real_stand_beside_each_other(self) -> None:
        world = synthetic.scenario(prices=REPLAY, compare="real.parquet", compare_at=1250.0)
        record = synthetic.record(120, world=world)
        real = pl.DataFrame({"second": [0, 60, 190, 300], "liquidations": [1, 9, 80, 10], "adls": [0, 1, 1, 0]})
        text = told(replay_section(record, real))
        mine = simulated_timeline(record)
        before = int(mine.filter(pl.col("second") < 0)["liquidations"].sum())
        assert mine["liquidations"].sum() == 120
        assert mine["adls"].sum() == record["liquidations"].filter(pl.col("route") == "adl").height
        assert f"{before} simulated executions came before the real timeline begins" in text
        assert re.search(r"liquidations \(executions\)\s*" + str(120 - before) + r"\s*100", text)
        assert re.search(r"10 % of liquidations by \(s\)\s*\d+\s*60", text)
        assert re.search(r"first auto-deleveraging \(s\)\s*\d+\s*60", text)

    def test_timeline_is_found_beside_the_prices_or_in_the_working_directory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        record = synthetic.record(0, world=synthetic.scenario(prices=REPLAY, compare="real.csv"))
        monkeypatch.chdir(tmp_path)
        assert find_compare(record) is None
        (tmp_path / "real.csv").write_text("second,liquidations,adls\n1,2,0\n")
        found = find_compare(record)
        assert found is not None
        assert found.rows() == [(1.0, 2, 0)]
        (tmp_path / "data").mkdir()
        pl.DataFrame({"second": [7], "liquidations": [1], "adls": [1]}).write_csv(tmp_path / "data" / "real.csv")
        beside = find_compare(replace(record, manifest={"prices_file": str(tmp_path / "data" / "bars.parquet")}))
        assert beside is not None
        assert beside.rows() == [(7.0, 1, 1)]

    def test_a_table_of_another_form_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        record = synthetic.record(0, world=synthetic.scenario(prices=REPLAY, compare="real.csv"))
        monkeypatch.chdir(tmp_path)
        (tmp_path / "real.csv").write_text("a,b\n1,2\n")
        with pytest.raises(RunFolderError, match=r"not a timeline.*it needs the columns second, liquidations, adls"):
            find_compare(record)


class TestSweep:
    def test_a_grid_is_answered_in_words_with_intervals(self) -> None:
        page = report_sweep(synthetic.sweep())
        text = Page(page).text
        assert "Does isolated margin cost less?" in text
        assert re.search(
            r"With mode at isolated instead of cross, liquidated notional changed by −[\d.]+M USD in the median over 8 seeds "
            r"\(95 % sign-test interval −[\d.]+M to −[\d.]+M\) and by −[\d.]+M in the mean "
            r"\(95 % Student t interval −[\d.]+M to −[\d.]+M\); it rose in \d+ % of 24 pairs",
            text,
        )
        assert "averaged within each of 8 seeds" in text
        assert "ran made-up at every combination" in text
        elsewhere = replace(
            synthetic.sweep(), design=synthetic.sweep().design.model_copy(update={"scenario": "a/b/world.toml"})
        )
        assert "ran world at every combination" in Page(report_sweep(elsewhere)).text
        assert headings(page) == [
            "The sweep",
            "What the levers did",
            "How the outcomes lie",
            "Runs that failed",
            "Origin of the sweep",
        ]

    def test_changes_of_shares_are_in_percentage_points(self) -> None:
        view = synthetic.sweep()
        shares = view.effects.filter(pl.col("outcome") == "endogenous_share")
        mean = shares.filter(pl.col("level") == "isolated")["mean"][0]
        text = Page(report_sweep(replace(view, effects=shares))).text
        assert re.search(r"endogenous share changed by −[\d.]+ percentage points in the median", text)
        assert f"and by {compact(100 * mean)} in the mean" in text

    def test_an_interval_that_is_not_there_is_not_told(self) -> None:
        view = synthetic.sweep()
        few = view.effects.with_columns(pl.lit(None, pl.Float64).alias(c) for c in ("median_low", "median_high"))
        text = Page(report_sweep(replace(view, effects=few))).text
        assert re.search(r"in the median over 8 seeds and by −[\d.]+M in the mean \(95 % Student t interval", text)

    def test_failed_runs_are_named_with_their_reason(self) -> None:
        page = report_sweep(synthetic.sweep())
        assert "48 finished, 1 failed" in page
        assert "the audit &lt;failed&gt;" in page
        assert "No run failed." in report_sweep(replace(synthetic.sweep(), failed=()))

    def test_a_hypercube_has_correlations_instead_of_pairs(self) -> None:
        text = Page(report_sweep(synthetic.sweep("latin_hypercube"))).text
        assert "40 points of a latin hypercube" in text
        assert "Partial rank correlations with liquidated notional, the strongest first:" in text
        assert "What matters most" in text

    def test_a_list_shows_its_cases(self) -> None:
        text = Page(report_sweep(synthetic.sweep("list"))).text
        assert "each of 2 named cases" in text
        assert "oracles.feed.delay = 60.0" in text
        assert "With case at slow instead of as-is" in text

    def test_a_sweep_without_finished_runs_is_all_sentences(self) -> None:
        view = synthetic.sweep()
        page = report_sweep(replace(view, runs=view.runs.clear(), effects=view.effects.clear()))
        assert "No run finished, so there is no answer." in page
        assert "<svg" not in page

    def test_a_run_and_a_sweep_share_a_page(self) -> None:
        page = report_run(synthetic.record(30), sweep=synthetic.sweep())
        found = headings(page)
        assert found.index("Origin") < found.index("The sweep")
        ids = Page(page).ids
        assert len(ids) == len(set(ids))


class TestFolders:
    def test_a_run_and_a_sweep_are_written(self, tmp_path: Path) -> None:
        run, sweep = synthetic.write_run(tmp_path / "run"), synthetic.write_sweep(tmp_path / "sweep")
        out = write_report(run, tmp_path / "out" / "page.html", sweep=sweep)
        assert "The sweep" in out.read_text(encoding="utf-8")
        assert [p.name for p in out.parent.iterdir()] == ["page.html"]
        alone = write_report(sweep, tmp_path / "sweep.html").read_text(encoding="utf-8")
        assert alone == report_sweep(read_sweep(sweep))
        assert "What happened" not in alone

    def test_a_hypercubes_folder_brings_its_correlations(self, tmp_path: Path) -> None:
        view = read_sweep(synthetic.write_sweep(tmp_path / "sweep", "latin_hypercube"))
        assert view.sensitivity is not None
        assert view.failed[0].reason == "the audit <failed>"

    def test_what_is_neither_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(RunFolderError, match="not the folder of a run"):
            write_report(tmp_path, tmp_path / "x.html")
        with pytest.raises(RunFolderError, match="not the folder of a sweep"):
            read_sweep(tmp_path)
        sweep = synthetic.write_sweep(tmp_path / "sweep")
        with pytest.raises(RunFolderError, match="is a sweep, and so is --sweep"):
            write_report(sweep, tmp_path / "x.html", sweep=sweep)

    def test_an_unfinished_or_damaged_sweep_is_refused(self, tmp_path: Path) -> None:
        sweep = synthetic.write_sweep(tmp_path / "sweep")
        (sweep / "effects.parquet").write_bytes(b"nonsense")
        with pytest.raises(RunFolderError, match=r"effects.parquet: damaged .*--resume"):
            read_sweep(sweep)
        (sweep / "effects.parquet").unlink()
        with pytest.raises(RunFolderError, match="has not come to its end; finish it"):
            read_sweep(sweep)
        (sweep / "manifest.json").write_text("{")
        with pytest.raises(RunFolderError, match=r"manifest.json: damaged"):
            read_sweep(sweep)

    def test_a_page_that_cannot_be_written_is_an_error_and_leaves_nothing(self, tmp_path: Path) -> None:
        run = synthetic.write_run(tmp_path / "run", 0)
        (tmp_path / "taken").mkdir()
        with pytest.raises(RunFolderError, match=r"cannot be written.*choose another file"):
            write_report(run, tmp_path / "taken")
        assert sorted(p.name for p in tmp_path.iterdir()) == ["run", "taken"]
