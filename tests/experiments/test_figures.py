"""Figures: what they say, and that they look the same wherever they are drawn."""

import re
from pathlib import Path
from xml.etree import ElementTree

import matplotlib.image as mpimg
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from abm.contagion.attribution import attribute, breach_weights
from abm.contagion.influence import influence
from abm.errors import UserError
from abm.record import Record, empty_tables
from experiments.figures import save_picture, timeline_png
from experiments.figures.cascade import LINES, MOST, cascade, numbers, shown
from experiments.figures.channels import channel_bars
from experiments.figures.comparison import burst, side_by_side
from experiments.figures.effects import effect_panels, quantile_strips, rank_bars
from experiments.figures.losses import loss_waterfall, paid_by_layer
from experiments.figures.network import LINK, Network, main_episode, moments, network, thinned
from experiments.figures.prices import crash_window, four_prices, hardest_hit, liquidity
from experiments.figures.series import binned, main_markets, thin
from experiments.figures.style import NARROW, ROLES, WIDE, Shape, colour, figure, inline, svg
from experiments.figures.timeline import Mark, timeline
from experiments.figures.units import clock, compact, count, percent, seconds, time_scale, two_digits, usd
from experiments.figures.window import Window
from tests.experiments import synthetic


@pytest.fixture(scope="module")
def record() -> Record:
    return synthetic.record(120)


@pytest.fixture(scope="module")
def whole(record: Record) -> Network:
    return network(record)


def labelled(shape: Shape, text: str = "a label") -> Figure:
    fig = figure(shape, 200)
    axes = fig.subplots()
    axes.plot([0, 1], [0, 1], label=text, color=colour("blue"))
    axes.set_xlabel(text)
    return fig


class TestUnits:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (0, "0"),
            (1234567, "1.23M"),
            (-45600, "−45.6k"),
            (999.6, "1k"),
            (999_600_000, "1B"),
            (2.5e12, "2.5T"),
            (0.5, "0.5"),
            (0.00001234, "1.2e-05"),
            (None, "–"),
            (float("nan"), "–"),
        ],
    )
    def test_compact_keeps_three_figures(self, value: float | None, text: str) -> None:
        assert compact(value) == text

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (61.7, "61.7 s"),
            (90, "90 s"),
            (245, "4 min 05 s"),
            (3600, "60 min"),
            (7380, "2 h 03 min"),
            (86400, "24 h"),
            (200_000, "2 d 7 h"),
            (-5, "−5 s"),
            (None, "–"),
        ],
    )
    def test_seconds_are_told_in_the_unit_that_reads_best(self, value: float | None, text: str) -> None:
        assert seconds(value) == text

    def test_a_moment_is_a_clock(self) -> None:
        assert clock(3725.25) == "1:02:05.2"
        assert clock(-1.0) == "−0:00:01.0"
        assert clock(None) == "–"

    def test_money_and_shares_bear_their_unit(self) -> None:
        assert usd(1.5e6) == "1.5M USD"
        assert usd(None) == "–"
        assert percent(0.1234) == "12.3 %"
        assert percent(-0.00001) == "0.0 %"
        assert percent(-0.5, 0) == "−50 %"

    def test_two_digits_has_no_negative_zero(self) -> None:
        assert (two_digits(-0.001), two_digits(-1.5)) == ("0.00", "−1.50")

    def test_counts_agree_with_their_noun(self) -> None:
        assert count(0, "breach", "breaches") == "no breach"
        assert count(1, "breach", "breaches") == "1 breach"
        assert count(1234, "seed") == "1,234 seeds"

    @pytest.mark.parametrize(("span", "unit"), [(60, "s"), (300, "s"), (3600, "min"), (86400, "h"), (10 * 86400, "d")])
    def test_time_axes_have_few_units(self, span: float, unit: str) -> None:
        assert time_scale(span)[1] == unit


class TestStyle:
    def test_equal_figures_are_equal_bytes(self) -> None:
        assert svg(labelled, WIDE, "f", "x") == svg(labelled, WIDE, "f", "x")

    def test_colours_are_the_pages(self) -> None:
        text = svg(labelled, WIDE, "f", "x")
        assert not re.findall(r"#[0-9a-fA-F]{6}\b", text)
        assert {"--ink", "--muted", "--grid"} <= set(re.findall(r"var\((--\w+)\)", text))

    def test_text_is_text_and_escaped(self) -> None:
        text = svg(lambda shape: labelled(shape, "a<b>&$x$ #123456"), WIDE, "f", 'say "x" <y>')
        assert ">a&lt;b&gt;&amp;$x$ #123456</text>" in text
        root = ElementTree.fromstring(text.replace("xlink:href", "href"))
        assert root.attrib["aria-label"] == 'say "x" <y>'

    def test_nothing_is_fetched_or_dated(self) -> None:
        text = svg(labelled, WIDE, "f", "x")
        assert "<metadata" not in text
        assert not re.findall(r'(?:src|href)="(?!#)', text)

    def test_ids_of_the_two_shapes_differ(self) -> None:
        text = inline(labelled, "f", "x")
        ids = re.findall(r'\bid="([^"]*)"', text)
        assert len(ids) == len(set(ids))
        assert set(re.findall(r'(?:href="#|url\(#)([^")]*)', text)) <= set(ids)
        assert text.count("<svg") == 2

    def test_roles_are_told_apart_in_grey(self) -> None:
        def grey(code: str) -> float:
            r, g, b = (int(code[i : i + 2], 16) for i in (1, 3, 5))
            return 0.2126 * r + 0.7152 * g + 0.0722 * b

        light, dark = ([grey(ROLES[r][k]) for r in ("blue", "orange")] for k in (0, 1))
        assert light[1] - light[0] > 60
        assert dark[1] - dark[0] > 25
        assert abs(grey(ROLES["ink"][0]) - grey(ROLES["paper"][0])) > 200
        assert abs(grey(ROLES["ink"][1]) - grey(ROLES["paper"][1])) > 200


class TestSeries:
    @settings(max_examples=30)
    @given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=3000), st.integers(10, 200))
    def test_thinning_keeps_extremes_and_ends(self, values: list[float], most: int) -> None:
        full = np.array(values)
        times, kept = thin(np.arange(len(full), dtype=float), full, most)
        assert len(kept) <= max(most + 2, 4)
        assert (kept.min(), kept.max()) == (full.min(), full.max())
        assert (times[0], times[-1]) == (0, len(full) - 1)
        assert np.array_equal(full[times.astype(int)], kept)

    @settings(max_examples=30)
    @given(st.lists(st.tuples(st.floats(0, 1000), st.floats(0, 1e6)), max_size=50), st.floats(1, 9e4))
    def test_bins_lose_nothing(self, rows: list[tuple[float, float]], span: float) -> None:
        times, amounts = (np.array([r[k] for r in rows if r[0] <= span]) for k in (0, 1))
        found = binned(times, amounts, 0.0, span, per=60.0)
        assert len(found.rate) <= 120
        assert np.isclose((found.rate * found.width / 60).sum(), amounts.sum())

    def test_main_markets_are_where_most_was_liquidated(self, record: Record) -> None:
        notional = pl.col("quantity").abs() * pl.col("price")
        sums = record["liquidations"].group_by("protocol", "market").agg(notional.sum().alias("usd"))
        top = sums.sort("usd", descending=True)["market"].unique(maintain_order=True).to_list()
        assert [s.market for s in main_markets(record)] == top[:3]

    def test_markets_without_perpetuals_are_shown_too(self) -> None:
        calm = synthetic.record(0)
        spot = Record(calm.scenario, calm.tables | {"markets": calm["markets"].filter(pl.col("protocol") == "")})
        assert {s.market for s in main_markets(spot)} == set(synthetic.COINS)


class TestWindow:
    def test_ticks_are_a_clock_late_in_a_long_run(self) -> None:
        fig = figure(WIDE, 100)
        axes = fig.subplots()
        Window(51_000.0, 52_000.0).label(axes)
        fig.canvas.draw()
        assert axes.get_xlabel() == "simulated time (h:min)"
        assert "14:20" in [t.get_text() for t in axes.get_xticklabels()]

    def test_a_moment_has_a_second_of_room(self) -> None:
        assert Window(5.0, 5.0).span == 1.0


class TestTimeline:
    def test_axes_have_units(self, record: Record) -> None:
        draw = timeline(record, [Mark(1250.0, "2"), Mark(1251.0, "1"), Mark(3000.0, "3")])
        assert draw is not None
        text = svg(draw, WIDE, "t", "x")
        for label in (
            "last price (start = 100)",
            "liquidated notional (USD/min, bins of 30 s)",
            "simulated time (min)",
            "1, 2",
        ):
            assert f">{label}</text>" in text

    def test_nothing_sampled_is_no_figure(self, tmp_path: Path) -> None:
        bare = Record(synthetic.scenario(), empty_tables())
        assert timeline(bare) is None
        with pytest.raises(UserError, match="no rows in `markets`"):
            timeline_png(bare, tmp_path / "x.png")

    def test_no_panel_is_empty_without_liquidations(self) -> None:
        draw = timeline(synthetic.record(0))
        assert draw is not None
        assert len(draw(WIDE).axes) == 1

    def test_png_is_1600_wide(self, record: Record, tmp_path: Path) -> None:
        image = mpimg.imread(timeline_png(record, tmp_path / "t.png"))
        assert image.shape[1] == 1600
        assert image[0, 0, :3].tolist() == [1.0, 1.0, 1.0]


class TestNetwork:
    def test_nodes_have_the_shares_and_the_influence_of_their_breaches(self, record: Record, whole: Network) -> None:
        nodes, worth = whole.nodes.sort("breach"), influence(record)
        assert nodes["endogenous"].to_list() == pytest.approx(attribute(record).endogenous.tolist())
        assert nodes["others"].to_list() == pytest.approx(worth["others"].to_list())
        assert nodes["total"].sum() == pytest.approx(len(record["breaches"]))
        assert whole.nodes.sort("number")["others"].is_sorted(descending=True)
        assert whole.nodes["time"].is_sorted()

    def test_links_are_the_pairs_of_which_the_parent_alone_had_a_tenth(self) -> None:
        record = synthetic.record(120, impact=10.0)
        whole = network(record)
        expected = breach_weights(record, 0.0).filter(pl.col("weight") >= LINK)
        assert expected.height > 5
        assert whole.links.sort("child", "parent").equals(expected)


def small_network(count: int, links: list[tuple[int, int, float]] = [], **columns: object) -> Network:  # noqa: B006
    """Breaches ten seconds apart; links lead from earlier to later ones."""
    plain: dict[str, object] = {
        "number": range(1, count + 1),
        "breach": range(count),
        "episode": [0] * count,
        "time": [10.0 * i for i in range(count)],
        "round": [0] * count,
        "protocol": ["harbor"] * count,
        "account": range(count),
        "cohort": ["retail"] * count,
        "notional": [1.0] * count,
        "first": [True] * count,
        "endogenous": [0.01 * (i % 50) for i in range(count)],
        "total": [1.0] * count,
        "others": [0.0] * count,
    }
    pairs = pl.DataFrame(
        links, schema={"parent": pl.Int64, "child": pl.Int64, "weight": pl.Float64}, orient="row"
    )  # fmt: skip
    return Network(pl.DataFrame(plain | columns), pairs)


class TestShown:
    def test_the_episode_with_the_largest_notional_is_shown(self) -> None:
        many = small_network(4, [(0, 1, 0.5), (1, 3, 0.5), (2, 3, 0.2)], episode=[0, 0, 1, 1], notional=[9, 1, 1, 19])
        part = main_episode(many)
        assert part.nodes["breach"].to_list() == [2, 3]
        assert part.links.rows() == [(2, 3, 0.2)]

    def test_links_into_the_largest_keep_their_ends_and_the_rest_goes_by_notional(self) -> None:
        many = small_network(10, [(0, 1, 0.9), (2, 3, 0.2), (0, 3, 0.5)], notional=[float(i) for i in range(10)])
        part = thinned(many, 4, 1)
        assert part.nodes["breach"].to_list() == [0, 3, 8, 9]
        assert part.links.rows() == [(0, 3, 0.5)]

    def test_numbers_that_would_overlap_share_one_text(self) -> None:
        x, y, number = np.array([0.0, 50.0, 51.0, 90.0]), np.array([0.0, 0.5, 0.52, 1.0]), np.array([4, 2, 1, 9])
        assert numbers(x, y, number, Window(0.0, 100.0)) == [("1, 2", 2), ("4", 0)]

    @settings(max_examples=20, deadline=None)
    @given(st.integers(1, 3000), st.integers(0, 400))
    def test_however_many_there_are_few_are_drawn(self, count: int, lines: int) -> None:
        links = [(i % count, (i + 1) % count, 0.1 + i / 1000) for i in range(lines) if (i + 1) % count > i % count]
        for shape, most in MOST.items():
            part = shown(small_network(count, links), shape)
            assert part.nodes.height == min(count, most)
            assert part.links.height <= LINES[shape]
            ends = set(part.links["parent"]) | set(part.links["child"])
            assert ends <= set(part.nodes["breach"])

    def test_rounds_of_a_block_stand_side_by_side_before_the_next_block(self) -> None:
        nodes = small_network(4, time=[5.0, 5.0, 5.0, 7.0], round=[0, 1, 3, 0]).nodes
        assert moments(nodes).tolist() == pytest.approx([5.0, 5.4, 6.2, 7.0])


class TestCascade:
    def test_no_breach_is_no_picture(self, tmp_path: Path) -> None:
        calm = synthetic.record(0)
        assert cascade(network(calm)) is None
        with pytest.raises(UserError, match="no cascade to draw"):
            save_picture(calm, tmp_path / "x.png")

    def test_roots_alone_are_drawn_with_what_liquidations_had_in_them(self) -> None:
        """No breach is a child, no pair has a line: every dot is there, and no scale for what is not."""
        draw = cascade(small_network(12))
        assert draw is not None
        axes = draw(WIDE).axes[0]
        dots = sum(len(c.get_offsets()) for c in axes.collections if c.get_offsets().size and c.get_zorder() == 3)
        assert dots == 12
        assert [line for line in axes.lines if line.get_linestyle() == "--"] == []
        assert [t.get_text() for t in axes.get_yticklabels()][:3] == ["0", "1", "5"]

    def test_one_breach_is_enough(self) -> None:
        draw = cascade(small_network(1))
        assert draw is not None
        assert ">retail</text>" in svg(draw, NARROW, "c", "x")

    def test_what_liquidations_had_most_of_stands_above_a_line(self) -> None:
        draw = cascade(small_network(2, [(0, 1, 0.6)], endogenous=[0.0, 0.64]))
        assert draw is not None
        axes = draw(WIDE).axes[0]
        (line,) = axes.lines
        assert line.get_ydata()[0] == pytest.approx(np.sqrt(0.5))
        assert axes.get_ylim()[1] > 0.8

    def test_shares_beyond_the_scale_are_drawn_at_its_edge(self) -> None:
        draw = cascade(small_network(3, endogenous=[-9.0, 0.0, 7.0]))
        assert draw is not None
        low, high = draw(WIDE).axes[0].get_ylim()
        assert -0.7 < low < -0.5
        assert 1.1 < high < 1.3
        ticks = [t.get_text() for t in draw(WIDE).axes[0].get_yticklabels()]
        assert (ticks[0], ticks[-1]) == ("≤ −25", "≥ 125")

    def test_numbers_stay_below_the_top_edge(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("experiments.figures.cascade.figure", lambda shape, _: figure(shape, 160))  # a low panel
        draw = cascade(small_network(3, endogenous=[0.0, 0.01, 1.0]))
        assert draw is not None
        fig = draw(WIDE)
        fig.canvas.draw()
        axes = fig.axes[0]
        box = axes.get_window_extent()
        assert axes.texts
        assert all(text.get_window_extent().y1 <= box.y1 for text in axes.texts)

    def test_colours_tell_protocols_and_numbers_the_breaches_with_most_effect(self, whole: Network) -> None:
        draw = cascade(whole)
        assert draw is not None
        text = svg(draw, WIDE, "c", "x")
        for word in ("harbor", "cells", "1", "5", "share of earlier liquidations in each breach (%)"):
            assert f">{word}</text>" in text

    def test_picture_is_1600_by_900(self, record: Record, tmp_path: Path) -> None:
        assert mpimg.imread(save_picture(record, tmp_path / "p.png")).shape[:2] == (900, 1600)


class TestPanels:
    def test_channel_bars_lump_what_is_small_and_keep_support(self) -> None:
        shares = {"impact": 0.6, "news": 0.45, "funding": -0.052, "own": 0.002}
        frame = pl.DataFrame({"group": "all", "channel": list(shares), "share": list(shares.values())})
        draw = channel_bars(frame)
        assert draw is not None
        text = svg(draw, WIDE, "b", "x")
        for word in ("liquidations", "news", "funding", "all others", "share of the fall of free margin (%)"):
            assert f">{word}</text>" in text
        assert draw(WIDE).axes[0].get_xlim()[0] < -5

    def test_no_share_is_no_bar(self) -> None:
        assert (
            channel_bars(pl.DataFrame(schema={"group": pl.String, "channel": pl.String, "share": pl.Float64})) is None
        )

    def test_socialised_bad_debt_is_not_counted_twice(self) -> None:
        layers = ["fund", "fund", "bad_debt", "socialise", "vault"]
        losses = pl.DataFrame({"layer": layers, "amount": [10.0, -3.0, 8.0, 5.0, 2.0]})
        assert paid_by_layer(losses) == {"fund": 10.0, "vault": 2.0, "socialise": 5.0, "bad_debt": 3.0}
        whole = losses.with_columns(amount=pl.when(pl.col("layer") == "socialise").then(8.0).otherwise("amount"))
        assert "bad_debt" not in paid_by_layer(whole)

    def test_what_winners_gave_beyond_what_was_missing_pays_for_nothing(self) -> None:
        losses = pl.DataFrame({"layer": ["adl", "adl_surplus", "adl_surplus"], "amount": [4.0, 5.0, -2.0]})
        assert paid_by_layer(losses) == {"adl": 4.0}
        assert loss_waterfall(losses.tail(2)) is None

    def test_waterfall_names_payers(self, record: Record) -> None:
        draw = loss_waterfall(record["losses"])
        assert draw is not None
        assert ">insurance fund</text>" in svg(draw, NARROW, "w", "x")
        assert loss_waterfall(record["losses"].clear()) is None

    def test_market_hit_hardest_is_sol(self, record: Record) -> None:
        series = hardest_hit(record)
        assert series is not None
        assert series.market == "SOL-PERP"
        window = crash_window(series)
        assert window.start < 1300 < 1500 < window.end
        draw = four_prices(series)
        assert draw is not None
        assert ">price of SOL-PERP (USD per coin)</text>" in svg(draw, WIDE, "f", "x")

    def test_liquidity_leaves_out_what_never_moved_from_zero(self) -> None:
        calm = synthetic.record(0)
        flat = calm["markets"].with_columns(funding=pl.lit(0.0))
        draw = liquidity(Record(calm.scenario, calm.tables | {"markets": flat}))
        assert draw is not None
        assert len(draw(WIDE).axes) == 2
        assert liquidity(Record(calm.scenario, empty_tables())) is None


class TestComparison:
    def test_quantiles_of_a_burst(self) -> None:
        data = burst(pl.DataFrame({"second": [0, 5, 9, 20], "n": [1, 8, 0, 1]}), "n")
        assert data.total == 10
        assert [data.quantile(q) for q in (0.1, 0.5, 0.9, 1.0)] == [0, 5, 5, 20]
        assert data.first() == 0
        assert data.share_by(np.array([-1.0, 4.0, 5.0, 30.0])).tolist() == [0, 10, 90, 100]

    def test_no_event_has_no_times(self) -> None:
        data = burst(pl.DataFrame({"second": [1], "n": [0]}), "n")
        assert (data.total, data.quantile(0.5), data.first()) == (0, None, None)

    def test_both_sides_have_their_own_scale(self) -> None:
        few = burst(pl.DataFrame({"second": [1, 2], "n": [1, 1]}), "n")
        many = burst(pl.DataFrame({"second": [1, 3], "n": [500, 900]}), "n")
        draw = side_by_side({"liquidations": few, "adls": few}, {"liquidations": many, "adls": many})
        assert draw is not None
        assert len(draw(WIDE).axes) == len(draw(NARROW).axes) == 6
        text = svg(draw, WIDE, "r", "x")
        assert ">time from the start of the event (s)</text>" in text
        none = burst(pl.DataFrame({"second": [1], "n": [0]}), "n")
        assert side_by_side({"liquidations": none, "adls": none}, {"liquidations": none, "adls": none}) is None


class TestSweepFigures:
    def test_effects_are_told_by_lever_and_level(self) -> None:
        view = synthetic.sweep()
        draw = effect_panels(view.effects, {"liquidated_notional": "liquidated notional (USD)"})
        assert draw is not None
        text = svg(draw, WIDE, "e", "x")
        assert ">mode: isolated</text>" in text
        assert ">change of liquidated notional (USD)</text>" in text
        assert ">mode: cross</text>" not in text

    def test_a_hypercube_has_correlations_and_no_pairs(self) -> None:
        view = synthetic.sweep("latin_hypercube")
        titles = {"liquidated_notional": "liquidated notional (USD)"}
        assert view.sensitivity is not None
        assert effect_panels(view.effects.filter(pl.col("pairs") == 0), titles) is None
        assert rank_bars(view.sensitivity, titles) is not None
        assert rank_bars(view.sensitivity.clear(), titles) is None

    def test_strips_show_every_run(self) -> None:
        view = synthetic.sweep()
        draw = quantile_strips(view.effects, view.runs, {"breaches": "breaches"})
        assert draw is not None
        ticks = [line for line in draw(WIDE).axes[0].lines if line.get_marker() == "|"]
        assert [len(line.get_xdata()) for line in ticks] == [24, 24, 16, 16, 16]
        assert quantile_strips(view.effects.clear(), view.runs, {"breaches": "breaches"}) is None
