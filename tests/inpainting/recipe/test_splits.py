"""What is kept back stays kept back: training pairs know nothing of the frames that networks are judged by."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sunpy_restore.inpainting import forward, recipe
from sunpy_restore.inpainting import polar as polar_module
from sunpy_restore.inpainting.channels import PLANES
from sunpy_restore.inpainting.recipe import configs, datasets, loss, patterns, predict, scored_pixels
from sunpy_restore.inpainting.recipe import pairs as pairs_module
from sunpy_restore.inpainting.recipe.pairs import ViewDataset
from sunpy_restore.inpainting.recipe.scenes import TRAINING, VALIDATION, read_frames
from sunpy_restore.inpainting.task import INPAINT

LEFT_OUT = ("planet_32219521", "Venus_22322625")


def waves(shape, center, rng, strength, *, moved):
    """In the place of structure, which takes long to draw and has tests of its own."""
    y, x = np.indices(shape)
    change, later = (strength * np.sin(x / rng.uniform(5, 50) + y / source.uniform(5, 50)) for source in (rng, moved))
    return change, later


@pytest.fixture(scope="module", autouse=True)
def small():
    """Frames a quarter as large could be lost as a whole."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forward, "_LARGEST", 3)
        patch.setattr(pairs_module, "structure", waves)
        patch.setattr(polar_module, "ROWS", 260)
        patch.setattr(recipe, "_VALIDATED", 1)
        patch.setattr(patterns, "_ROUNDS", 1)
        yield


@pytest.fixture(scope="module")
def config():
    """The default one, with a small network on few small views."""
    compact = configs("inpaint")["compact"]
    network = {**compact.network, "widths": [4, 6]}
    return replace(
        compact, patch_size=64, batch_size=2, steps=4, network=network, options={"views": 30, "without": LEFT_OUT}
    )


@pytest.fixture(scope="module")
def made(folder, config):
    return datasets("inpaint", folder, config)


def brighter(frame):
    return frame._replace(image=np.where(frame.blind, 0, frame.bias + 1.5 * np.roll(frame.image - frame.bias, 9)))


def same(one, other):
    return all(torch.equal(torch.nan_to_num(a), torch.nan_to_num(b)) for a, b in zip(one, other, strict=True))


def test_splits_share_no_frame_and_no_day(dates):
    names = [{name for group in split.values() for name in group} for split in (TRAINING, VALIDATION)]
    assert not names[0] & names[1]
    days = [{np.datetime64(dates[name].replace("/", "-")) for name in split} for split in names]
    apart = min(abs(one - other) for one in days[0] for other in days[1])
    assert apart > np.timedelta64(1, "D")


def test_dates_of_the_files_are_as_far_apart(folder):
    days = [{frame.date for frame in read_frames(folder, split)} for split in ("training", "validation")]
    assert not days[0] & days[1]


@pytest.mark.parametrize("detector", ["C2", "C3"])
def test_both_coronagraphs_are_in_both_splits(made, detector):
    assert TRAINING[detector]
    assert VALIDATION[detector]
    assert len(made[1][detector]) > 0


def test_training_does_not_see_what_is_kept_back_or_left_out(frames_folder, config, made):
    names = [*(name for group in VALIDATION.values() for name in group), *LEFT_OUT]
    training, _ = datasets("inpaint", frames_folder(**dict.fromkeys(names, brighter)), config)
    assert all(same(training[index], made[0][index]) for index in range(len(training)))


def test_training_sees_its_own_frames(frames_folder, config, made):
    names = [name for group in TRAINING.values() for name in group if name not in LEFT_OUT]
    training, _ = datasets("inpaint", frames_folder(**dict.fromkeys(names, brighter)), config)
    assert not any(same(training[index], made[0][index]) for index in range(len(training)))


def test_pairs_are_the_same_in_every_run(folder, config, made):
    """In any order, too: a training that was interrupted goes on with the pair that is next."""
    training, validation = datasets("inpaint", folder, config)
    assert len(training) == len(made[0]) == 8
    for index in (6, 1, 3):
        assert same(training[index], made[0][index])
    assert not same(training[0], training[1])
    for name, pairs in validation.items():
        assert all(same(one, other) for one, other in zip(pairs, made[1][name], strict=True))


def test_pairs_have_the_shapes_of_the_task(made):
    for planes, truth in [made[0][index] for index in range(8)] + [made[1][name][0] for name in ("C2", "C3")]:
        side = planes.shape[-1]
        assert planes.shape == (len(PLANES), side, side)
        assert truth.shape == (1, side, side)
        assert planes.dtype == truth.dtype == torch.float32
        assert torch.isfinite(planes).all()
        valid = (planes[1] == 0) & (planes[2] == 0)
        torch.testing.assert_close(planes[0][valid], truth[0][valid], rtol=1e-2, atol=1e-2)


@pytest.fixture(scope="module")
def views():
    """Planes that tell places apart, with a hole in the middle."""
    rng = np.random.default_rng(0)
    planes = rng.normal(size=(3, len(PLANES), 96, 96)).astype(np.float16)
    planes[:, 1], planes[:, 2], planes[:, 6] = 0, 0, 1
    planes[:, 1, 32:64, 32:64] = 1
    return [(view, view[:1] + 1) for view in planes]


def parts(views, side, turned):
    """All parts of all views, in all the orientations that are allowed."""
    for planes, truth in views:
        both = np.concatenate([planes, truth])
        for flips in np.ndindex(2, 2 if turned else 1, 2 if turned else 1):
            image = both[:, :, ::-1] if flips[0] else both
            image = image[:, ::-1] if flips[1] else image
            image = image.swapaxes(1, 2) if flips[2] else image
            for top, left in np.ndindex(97 - side, 97 - side):
                yield image[:, top : top + side, left : left + side]


@pytest.mark.parametrize("turnable", [True, False])
def test_items_are_parts_of_the_views(views, turnable):
    """With neighbours or without them; turned only where rows and columns are alike."""
    pairs = ViewDataset(views, 40, patch_size=90, seed=0, turnable=turnable)
    known = {part[0].tobytes(): part for part in parts(views, 90, turnable)}
    with_neighbours = 0
    for planes, truth in (pairs[index] for index in range(40)):
        expected = known[planes[0].numpy().astype(np.float16).tobytes()].astype(np.float32).copy()
        np.testing.assert_array_equal(truth, expected[-1:])
        with_neighbours += bool(planes[6].any())
        expected[5:7] *= bool(planes[6].any())
        np.testing.assert_array_equal(planes, expected[:-1])
        assert planes[1].any()
    assert 0.5 < with_neighbours / 40 < 0.9


@pytest.mark.parametrize("name", configs("inpaint"))
def test_configurations_build_their_networks(name):
    config = configs("inpaint")[name]
    assert config.name == name
    network = INPAINT.build_network(config.network)
    assert network.view == config.network["view"]
    if name == "compact":
        assert 4 * sum(parameter.numel() for parameter in network.parameters()) < 8e6


def test_loss_is_that_under_the_mask_alone(made, config):
    """And pixels whose truth is not known move no weight."""
    planes, truth = (torch.stack(part) for part in zip(*(made[0][index] for index in range(4)), strict=True))
    network = INPAINT.build_network(config.network)
    scored = scored_pixels(planes, truth)
    assert scored.any()
    assert torch.equal(scored, (planes[:, 1:2] > 0) & torch.isfinite(truth))
    found = loss(network, (planes, truth), config)
    elsewhere = torch.where(scored, truth, torch.nan)
    torch.testing.assert_close(loss(network, (planes, elsewhere), config), found)
    perfect = torch.where(scored, predict(network, planes, config), torch.nan).detach()
    assert loss(network, (planes, perfect), config) == 0
    found.backward()
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
    assert any(gradient.any() for gradient in gradients)
