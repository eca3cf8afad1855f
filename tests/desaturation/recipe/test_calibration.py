"""Cases for the calibration of the uncertainty: reproducible, of all kinds, and without images in common."""

import numpy as np
import pytest
from scipy import ndimage

from sunpy_restore.desaturation.forward import FULL_WELL
from sunpy_restore.desaturation.recipe import calibration, parts
from sunpy_restore.desaturation.recipe.scenes import Disk

PARTS = ("first", "second", "third")


def disk(day, seed, shape=(512, 2048)):
    """A display image with bright places in each band of 512 columns."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 6)
    y, x = np.indices(shape)
    bright = np.exp(-((y - 256) ** 2 + (x % 512 - 256) ** 2) / (2 * 30.0**2))
    image = np.clip(0.3 + 0.1 * noise / noise.std() + 0.6 * bright, 0, 1)
    places = np.array([[256, 512 * band + 256] for band in range(shape[1] // 512)])
    return Disk(f"{day} {seed}", f"{day}T00:00:00", (255 * image).astype(np.uint8), {150: places})


@pytest.fixture(scope="module")
def sources():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "read_disks", lambda *_: [disk("2014-02-03", 0), disk("2022-01-01", 1)])
        rng = np.random.default_rng(2)
        wide, narrow = rng.uniform(100, 200, (300, 900)), [rng.uniform(100, 200, (300, 300)) for _ in range(3)]
        exposures = [(131, wide), (171, wide), (94, narrow[0]), (193, narrow[1]), (304, narrow[2])]
        patch.setattr(parts, "level_1_exposures", lambda _: exposures)
        yield calibration.calibration_cases("")


def test_parts_have_no_pixels_in_common(sources):
    held = sources[0].make.args[0]
    assert set(held.disks) == set(held.exposures) == set(PARTS)
    for images in (held.exposures, {part: [band.image for band in held.disks[part]] for part in PARTS}):
        columns = [column.tobytes() for part in PARTS for image in images[part] for column in image.T]
        assert len(columns) == len(set(columns))
        assert all(images.values())


def test_each_part_has_all_kinds_and_all_noise_levels(sources):
    for part in PARTS:
        kinds = {(case.name.rsplit(" ", 1)[0], case.group) for case in sources if case.part == part}
        assert len(kinds) == 15
    assert len({case.name for case in sources}) == len(sources)


def test_cases_are_reproducible_and_damaged_in_the_mask_only(sources):
    known = {case.name.rsplit(" ", 1)[0]: case for case in [*sources[:7], sources[-1]]}
    for kind, case in known.items():
        (observation, truth), (again, same) = case.make(), case.make()
        assert np.array_equal(observation.image, again.image)
        assert np.array_equal(truth, same)
        assert truth.shape == observation.mask.shape
        assert observation.mask.any()
        assert np.isfinite(truth).all()
        outside = observation.image[~observation.mask], truth[~observation.mask]
        if kind == "clipped":
            # Rounded, and perhaps compressed with losses
            assert np.corrcoef(*outside)[0, 1] > 0.9
        elif kind != "flare":
            assert np.array_equal(*outside)


def test_flares_are_hidden_and_told_levels_are_exceeded(sources):
    flares = [case.make() for case in sources if case.name.startswith("flare")][:4]
    for observation, truth in flares:
        assert truth.max() > FULL_WELL
        assert observation.image.max() == pytest.approx(FULL_WELL)
        assert observation.level in (None, pytest.approx(FULL_WELL))
    observation, truth = next(case for case in sources if case.name.startswith("level")).make()
    assert (truth[observation.saturated] > observation.level).all()
    assert (truth[~observation.saturated] <= observation.level).all()


def test_noise_of_the_truth_grows_with_the_level():
    rough = []
    for level in range(3):
        image = calibration._noisy(np.full((200, 200), 100.0), level, np.random.default_rng(0))
        rough.append(image.std())
    assert rough[1] == pytest.approx(2 * rough[0], rel=1e-6)
    assert rough[2] == pytest.approx(4 * rough[0], rel=1e-6)


def test_a_user_masks_from_one_to_many_holes(sources):
    numbers = []
    for case in (case for case in sources if case.name.startswith("holes")):
        observation, truth = case.make()
        numbers.append(ndimage.label(observation.mask)[1])
        assert truth.max() < 1e5
        assert observation.mask.mean() < 0.25
    assert min(numbers) <= 2
    assert max(numbers) > 20
