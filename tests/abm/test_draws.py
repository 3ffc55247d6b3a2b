"""Draws are functions of their key alone, and have the law they claim."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.draws import (
    Draws,
    entity_id,
    event_id,
    exponential_python,
    normal_python,
    philox,
    philox_python,
    uniform_python,
)

LAWS = ("uniform", "normal", "exponential")
N = 200_000

# Random123, file kat_vectors, rows "philox4x32 10".
KNOWN = [
    ((0,) * 6, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 6, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]

int64 = st.integers(-(2**63), 2**63 - 1)


@pytest.fixture
def draws():
    return Draws(20251010)


class TestGenerator:
    """Philox4x32-10 as published, and the reference beside the kernel."""

    @pytest.mark.parametrize(("words", "expected"), KNOWN)
    def test_published_vectors(self, words, expected):
        assert philox_python(*words) == expected
        assert tuple(int(w) for w in philox(*(np.uint64(w) for w in words))) == expected

    @settings(max_examples=50, deadline=None)
    @given(entity=int64, event=int64, root=st.integers(0, 2**64 - 1))
    def test_kernel_equals_reference(self, entity, event, root):
        draws = Draws(root)
        key = draws.key("test")
        assert draws.uniform("test", entity, event) == uniform_python(key, entity, event)
        assert draws.normal("test", entity, event) == pytest.approx(normal_python(key, entity, event), rel=1e-14)
        assert draws.exponential("test", entity, event) == pytest.approx(
            exponential_python(key, entity, event), rel=1e-14
        )

    @settings(max_examples=50, deadline=None)
    @given(entity=int64, event=int64)
    def test_uniform_is_an_odd_multiple_inside_the_open_interval(self, entity, event):
        u = Draws(1).uniform("test", entity, event)
        assert 0.0 < u < 1.0
        assert int(u * 2**53) % 2 == 1


class TestLaw:
    """Moments within four or five standard errors at a fixed root."""

    def test_uniform(self, draws):
        u = draws.uniform("law", 7, np.arange(N))
        counts = np.histogram(u, bins=100, range=(0.0, 1.0))[0]
        chi2 = float(((counts - N / 100) ** 2 / (N / 100)).sum())
        assert abs(u.mean() - 0.5) < 4 * math.sqrt(1 / 12 / N)
        assert abs(chi2 - 99) < 4 * math.sqrt(2 * 99)
        assert u.min() < 5e-5
        assert u.max() > 1 - 5e-5

    def test_normal(self, draws):
        z = draws.normal("law", 7, np.arange(N))
        assert abs(z.mean()) < 4 / math.sqrt(N)
        assert abs(z.var() - 1) < 4 * math.sqrt(2 / N)
        assert abs((z**3).mean()) < 4 * math.sqrt(15 / N)
        assert abs((z**4).mean() - 3) < 4 * math.sqrt(96 / N)
        assert abs((np.abs(z) > 3).mean() - 0.0027) < 4 * math.sqrt(0.0027 / N)

    def test_exponential(self, draws):
        x = draws.exponential("law", 7, np.arange(N))
        assert x.min() > 0
        assert abs(x.mean() - 1) < 4 / math.sqrt(N)
        assert abs(x.var() - 1) < 4 * math.sqrt(8 / N)

    @pytest.mark.parametrize("other", ["next event", "next entity", "other purpose", "other root"])
    def test_neighbouring_keys_are_uncorrelated(self, draws, other):
        events = np.arange(N)
        z = draws.normal("law", 7, events)
        w = {
            "next event": draws.normal("law", 7, events + 1),
            "next entity": draws.normal("law", 8, events),
            "other purpose": draws.normal("lax", 7, events),
            "other root": Draws(20251011).normal("law", 7, events),
        }[other]
        assert abs((z * w).mean()) < 4 / math.sqrt(N)


class TestKeys:
    """Nothing but the key decides a draw."""

    @pytest.mark.parametrize("law", LAWS)
    def test_a_dummy_draw_changes_nothing(self, draws, law):
        before = getattr(draws, law)("p", "keeper-1", 5)
        getattr(draws, law)("another", "idle", 5)
        getattr(draws, law)("p", "idle", np.arange(100))
        assert getattr(draws, law)("p", "keeper-1", 5) == before
        assert getattr(Draws(draws.root), law)("p", "keeper-1", 5) == before

    @pytest.mark.parametrize("law", LAWS)
    def test_scalar_equals_array(self, draws, law):
        draw = getattr(draws, law)
        entities = np.array([3, -1, 2**62, 0])
        assert draw("p", entities, 9).tolist() == [draw("p", int(e), 9) for e in entities]
        assert draw("p", 3, entities).tolist() == [draw("p", 3, int(e)) for e in entities]

    @settings(max_examples=25, deadline=None)
    @given(order=st.permutations(range(40)))
    def test_permuting_entities_permutes_results(self, order):
        draws, entities = Draws(4), np.arange(40) * 1_000_003
        assert np.array_equal(draws.normal("p", entities[order], 1), draws.normal("p", entities, 1)[order])

    @pytest.mark.parametrize("law", LAWS)
    def test_layout_of_arrays_does_not_matter(self, draws, law):
        draw = getattr(draws, law)
        entities, events = np.arange(6), np.arange(101)
        grid = draw("p", entities[:, None], events)
        assert grid.shape == (6, 101)
        assert np.array_equal(draw("p", entities, events[:, None]), grid.T)
        assert np.array_equal(draw("p", np.repeat(entities, 101), np.tile(events, 6)), grid.ravel())
        assert np.array_equal(draw("p", 3, events[::-7]), grid[3, ::-7])

    def test_name_and_its_number_are_the_same_entity(self, draws):
        assert draws.uniform("p", "BTC", 3) == draws.uniform("p", entity_id("BTC"), 3)
        assert draws.uniform("p", "BTC", 3) != draws.uniform("p", "ETH", 3)

    def test_numpy_scalars_are_scalars(self, draws):
        assert draws.uniform("p", np.int64(4), np.int64(3)) == draws.uniform("p", 4, 3)

    def test_identities_do_not_depend_on_the_process(self):
        code = "from abm.draws import *; print(entity_id('keeper-1'), Draws(7).uniform('p', 'keeper-1', 2).hex())"
        seen = {
            subprocess.run(
                [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True
            ).stdout
            for seed in ("1", "2")
        }
        assert seen == {f"{entity_id('keeper-1')} {Draws(7).uniform('p', 'keeper-1', 2).hex()}\n".encode()}

    def test_entity_id_is_stable_and_has_63_bits(self):
        # BLAKE2b-64 of "BTC" as coreutils' b2sum prints it, little-endian, halved.
        assert entity_id("BTC") == int.from_bytes(bytes.fromhex("25ed95a96666dda3"), "little") >> 1
        assert all(0 <= entity_id(f"agent-{i}") < 2**63 for i in range(1000))
        assert len({entity_id(f"agent-{i}") for i in range(1000)}) == 1000

    def test_event_id_is_whole_microseconds(self):
        assert event_id(0.4 * 3) == 1_200_000
        assert event_id(86_400.0) == 86_400_000_000

    @pytest.mark.parametrize("root", [-1, 2**64])
    def test_root_outside_its_range(self, root):
        with pytest.raises(ValueError, match=rf"must lie in 0 .. 2\^64 - 1, got {root}"):
            Draws(root)
