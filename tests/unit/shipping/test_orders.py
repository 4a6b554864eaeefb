"""Sets are rebuilt so that they iterate as they did."""

from __future__ import annotations

import io
import pickle
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_scale.shipping.orders import dump_orders, find_recipes, rebuild, why_loose
from jupyter_scale.shipping.pickler import Pickler

ELEMENTS = st.one_of(
    st.text(max_size=6), st.integers(-(10**25), 10**25), st.tuples(st.integers(), st.text())
)


def travel(value):
    file = io.BytesIO()
    pickler = Pickler(file, {})
    pickler.dump(value)
    dump_orders(pickler)
    unpickler = pickle.Unpickler(io.BytesIO(file.getvalue()))
    arrived = unpickler.load()
    for recipe in unpickler.load():
        rebuild(*recipe)
    return arrived


@settings(deadline=None)
@given(st.lists(ELEMENTS, max_size=60), st.integers(0, 10**6), st.booleans())
def test_any_history(elements, seed, is_copied):
    chance = random.Random(seed)
    made = set()
    for element in elements:
        made.add(element)
        if chance.random() < 0.3:
            made.discard(chance.choice(elements))
    if is_copied:
        made = made.copy()
    arrived = travel(made)
    assert arrived == made
    assert list(arrived) == list(made)
    assert list(travel(arrived)) == list(made)


@pytest.mark.parametrize("size", [3, 100, 3000])
def test_after_most_were_removed(size):
    made = {f"w{n}" for n in range(size * 3)}
    for element in list(made)[size:]:
        made.remove(element)
    assert list(travel([made, made])[1]) == list(made)


def test_a_set_inside_itself_by_an_attribute():
    class Node:
        pass

    node = Node()
    node.near = {node, 1, 2}
    assert find_recipes([node.near]) == find_recipes([node.near])


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({1, 2}, ""),
        ({"a"}, ""),
        ({"a", "b"}, "text hashes differently"),
        ({(1, "a"), 2}, "text hashes differently"),
        ({object(), 1}, "hashes by its address"),
        ([1, 2], ""),
        (frozenset({1, 2, 3}), "a frozenset cannot"),
    ],
)
def test_what_is_loose(value, why):
    assert why in why_loose(value, same_text_hash=False)
    assert bool(why) == bool(why_loose(value, same_text_hash=False))
