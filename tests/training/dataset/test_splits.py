"""The splits are independent whatever the times and shapes of the images are."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

pytest.importorskip("lightning")

from sunpy_restore.core.datasets.item import Item
from sunpy_restore.core.datasets.samples import Splitting
from sunpy_restore.core.datasets.splits import find_leak
from sunpy_restore.training.dataset.splits import assign, duration

START = np.datetime64("2011-02-10T00:00:00", "ms")


def item(number, hours=None, group="A", width=400):
    time = None if hours is None else str(START + np.timedelta64(round(hours * 3.6e6), "ms"))
    return Item(
        origin=f"{number}", sha256=f"{number:064x}", shard="", shape=(300, width), group=group, unit="", time=time,
        pixel_scale=0.5,
    )  # fmt: skip


def splits(items):
    return [(item.origin, item.split) for item in items]


images = st.lists(
    st.tuples(st.none() | st.floats(0, 60), st.sampled_from("AB"), st.sampled_from((90, 400, 500))), max_size=12
)


@example([(0.0, "B", 90), (12.0, "A", 90)], [(1.0, "A", 90)], 12.0, True)
@given(images, images, st.sampled_from((0.5, 3.0, 12.0)), st.booleans())
@settings(max_examples=150, deadline=None)
def test_splits_are_independent_and_stay(first, second, gap, regions):
    rule = Splitting(gap, regions=regions)
    new = [item(number, *values) for number, values in enumerate(first + second)]
    taken, refused = assign(new[: len(first)], [], rule, gap)
    assert find_leak(taken, gap) is None
    assert {entry.origin for entry in taken} | {entry.origin for entry, _ in refused} == {
        entry.origin for entry in new[: len(first)]
    }
    more, _ = assign(new[len(first) :], taken, rule, gap)
    assert more[: len(taken)] == taken
    assert find_leak(more, gap) is None


def test_series_is_cut_at_the_gap():
    items = [item(number, 0.2 * number) for number in range(30)]
    taken, refused = assign(items, [], Splitting(2.0), 2.0)
    assert [len([entry for entry in taken if entry.split == split]) for split in ("train", "validation")] == [15, 6]
    assert len(refused) == 9
    assert all("gap of 2 h" in reason for _, reason in refused)


def test_cut_uses_gaps_in_the_observations():
    items = [item(number, hours) for number, hours in enumerate((0, 1, 2, 3, 50, 51, 52, 53, 100, 101))]
    taken, refused = assign(items, [], Splitting(12.0), 12.0)
    assert not refused
    assert [entry.split for entry in taken] == ["train"] * 8 + ["validation"] * 2


def test_earlier_images_are_kept_back_if_they_fit_the_share():
    items = [item(number, hours) for number, hours in enumerate((0, 1, 50, 51, 52, 53, 54, 55))]
    taken, _ = assign(items, [], Splitting(12.0), 12.0)
    assert [entry.split for entry in taken] == ["validation"] * 2 + ["train"] * 6


def test_single_image_is_split_by_region_with_a_margin():
    taken, _ = assign([item(0)], [], Splitting(1.0, share=0.25, margin=2.0), 1.0)
    assert [(entry.split, entry.columns) for entry in taken] == [("train", (0, 296)), ("validation", (300, 400))]


def test_rotation_of_the_sun_widens_the_margin():
    taken, _ = assign([item(0, 0.0), item(1, 0.5)], [], Splitting(1.0, share=0.25, margin=2.0), 1.0)
    assert {entry.columns for entry in taken} == {(0, 286), (300, 400)}  # 5 arcsec more


def test_small_image_and_image_of_one_time_without_regions_are_refused_or_trained_on():
    taken, refused = assign([item(0, width=60)], [], Splitting(1.0), 1.0)
    assert not taken
    assert "Images of 60 columns are too small to split by region (at least 68)." in refused[0][1]
    taken, refused = assign([item(0, 0.0), item(1, 0.5)], [], Splitting(1.0, regions=False), 1.0)
    assert splits(taken) == [("0", "train"), ("1", "train")]


@pytest.mark.parametrize(
    ("hours", "reason"),
    [
        ((None, None), "Found no time of the observation; add it to the header or in a TOML file."),
        ((5,), "Found one image, and none at a time 24 h before or after it; add images of other times."),
        ((0, 0.01, 84 / 3600), "The images span 84 s, less than the gap of 24 h; set gap= or add images of other"),
        ((0, 0), "The images span 0 s, less than the gap of 24 h; set gap= or"),
        ((0, *range(9, 16), 25), "A gap of 24 h leaves too few of the images, which span 25 h; set gap= or"),
    ],
)
def test_images_that_cannot_be_split_name_the_reason_and_the_remedy(hours, reason):
    items = [item(number, hour, width=60) for number, hour in enumerate(hours)]
    taken, refused = assign(items, [], Splitting(24.0), 24.0)
    assert not taken
    assert len(refused) == len(hours)
    assert all(text.startswith(reason) and "columns are too small" in text for _, text in refused)


@pytest.mark.parametrize("margin", [2.0, 250.0])
def test_the_smallest_width_in_a_message_is_accepted(margin):
    rule = Splitting(1.0, share=0.25, margin=margin)
    least = int(assign([item(0, width=60)], [], rule, 1.0)[1][0][1].split("at least ")[1].split(")")[0])
    assert assign([item(0, width=least - 1)], [], rule, 1.0)[1]
    assert not assign([item(0, width=least)], [], rule, 1.0)[1]


@pytest.mark.parametrize(
    ("hours", "text"), [(24, "24 h"), (1.5, "1.5 h"), (8766, "8766 h"), (0.5, "30 min"), (1 / 60, "60 s"), (0, "0 s")]
)
def test_times_in_messages_have_readable_units(hours, text):
    assert duration(hours) == text


def test_groups_do_not_leak_into_each_other():
    items = [item(0, 0.0), item(1, 50.0), item(2, 50.5, group="B"), item(3, 100.0, group="B")]
    taken, _ = assign(items, [], Splitting(12.0), 12.0)
    assert find_leak(taken, 12.0) is None
    assert ("1", "validation") in splits(taken)
    assert ("2", "train") not in splits(taken)


def test_new_images_join_those_nearby():
    fixed, _ = assign([item(0, 0.0), item(1, 100.0)], [], Splitting(12.0), 12.0)
    new = [item(2, 6.0), item(3, 95.0), item(4, 50.0), item(5, 11.9)]
    taken, refused = assign(new, fixed, Splitting(12.0), 12.0)
    assert dict(splits(taken)) == {
        "0": "train",
        "1": "validation",
        "2": "train",
        "3": "validation",
        "4": "train",
        "5": "train",
    }
    assert not refused
