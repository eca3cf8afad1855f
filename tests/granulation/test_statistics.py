"""Statistics of textures, for Gaussian fields and tiles with known answers."""

import numpy as np
import pytest
from scipy import ndimage

from sunpy_restore.granulation import statistics
from sunpy_restore.granulation.statistics.intensities import ks_statistic, relative

PIXEL = 48.0


def white(shape, seed, sigma=0.1):
    return 1 + sigma * np.random.default_rng(seed).standard_normal(shape)


def texture(shape, seed, grain=6.0):
    """A Gaussian field with grains and decreasing power at smaller scales, as granulation."""
    noise = np.random.default_rng(seed).standard_normal(shape)
    field = ndimage.gaussian_filter(noise, grain, mode="wrap") + 0.1 * ndimage.gaussian_filter(noise, 1.5, mode="wrap")
    return 1 + 0.16 * (field - field.mean()) / field.std()


@pytest.mark.parametrize("seed", range(3))
def test_ks_statistic_is_the_largest_difference_of_cumulative_distributions(seed):
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, 30, 400), rng.integers(0, 35, 90)
    values = np.arange(36)
    expected = max(abs(np.mean(first <= value) - np.mean(second <= value)) for value in values)
    assert ks_statistic(first, second) == ks_statistic(second, first) == pytest.approx(expected, abs=1e-12)
    assert ks_statistic(rng.random(50), 2 + rng.random(7)) == 1


def test_histogram_distance_does_not_depend_on_unit_and_orientation():
    image = texture((80, 60), 0)
    assert statistics.histogram_distance(image, 7e9 * np.rot90(image)) < 1e-3
    assert statistics.histogram_distance(image, image) == 0


def test_histogram_distance_depends_on_the_contrast():
    """The cumulative distributions of Gaussians with widths of 1 and 1.1 differ by up to 0.0231."""
    found = statistics.histogram_distance(white((500, 500), 0), white((500, 500), 1, 0.11))
    assert found == pytest.approx(0.0231, abs=0.004)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.ones((4, 4)), "structure"),
        (np.array([[1.0, np.nan]]), "finite"),
        (np.array([[1.0, -3.0]]), "expected a positive one"),
        (np.ones(3), "shape"),
        (np.ones((0, 4)), "finite"),
    ],
)
def test_images_without_statistics_are_refused(image, message):
    with pytest.raises(ValueError, match=message):
        relative(image)


@pytest.mark.parametrize("shape", [(400, 400), (300, 130)])
def test_the_spectrum_of_white_noise_is_flat(shape):
    wavelength, power, modes = statistics.power_spectrum(white(shape, 2), PIXEL)
    assert (np.diff(wavelength) > 0).all()
    assert wavelength[0] > 0.5
    assert wavelength[-1] < min(shape) * PIXEL / 1000
    assert np.abs((power / 0.01 - 1) * np.sqrt(modes)).max() < 4


def test_the_number_of_modes_agrees_with_the_scatter():
    spectra = [statistics.power_spectrum(white((180, 90), seed), PIXEL)[1] for seed in range(120)]
    modes = statistics.power_spectrum(white((180, 90), 0), PIXEL)[2]
    found = np.var(spectra, axis=0) / np.mean(spectra, axis=0) ** 2
    np.testing.assert_allclose(found * modes, 1, atol=0.4)


def test_the_power_of_a_wave_is_in_its_bin():
    y, x = np.indices((192, 192))
    wave = 1 + 0.1 * np.cos(2 * np.pi * (8 * y + 6 * x) / 192)
    edges = [0.5, 0.8, 1.1, 2.0]
    # 10 waves in 192 pixels
    assert 0.8 < 192 / 10 * PIXEL / 1000 < 1.1
    _, power, _ = statistics.power_spectrum(wave, PIXEL, edges)
    assert power[1] > 1e3 * power[[0, 2]].max()


def test_power_is_proportional_to_the_square_of_the_contrast():
    image = texture((300, 200), 3)
    found = statistics.spectrum_distance(1 + 1.1 * (image - 1), image, PIXEL)
    np.testing.assert_allclose(found["ratio"], 1.21)
    assert found["worst"] == pytest.approx(0.21)
    assert found["median"] == pytest.approx(0.21)


@pytest.mark.parametrize("change", [np.rot90, np.flipud, np.transpose, lambda image: 5e9 * image])
def test_the_spectrum_does_not_depend_on_orientation_and_unit(change):
    image = texture((260, 180), 4)
    np.testing.assert_allclose(
        statistics.power_spectrum(change(image), PIXEL)[1], statistics.power_spectrum(image, PIXEL)[1], rtol=1e-9
    )


def test_the_bias_does_not_depend_on_the_size_of_the_image():
    """The mean spectrum of many small images is that of a large one, even for a steep spectrum."""
    large = texture((400, 400), 5)
    ratios = [statistics.spectrum_distance(texture((100, 100), seed), large, PIXEL)["ratio"] for seed in range(16)]
    np.testing.assert_allclose(np.mean(ratios, axis=0), 1, atol=0.3)


def test_chi_square_of_the_same_process_is_about_one():
    found = [
        statistics.spectrum_distance(texture((500, 500), 10 + seed), texture((400, 150), seed), PIXEL)
        for seed in range(6)
    ]
    assert 0.2 < np.mean([each["chi2"] for each in found]) < 2
    blurred = ndimage.gaussian_filter(texture((500, 500), 10), 3)
    assert statistics.spectrum_distance(blurred, texture((400, 150), 0), PIXEL)["chi2"] > 20


def test_wrong_arguments_of_spectra_are_refused():
    image = texture((100, 100), 0)
    for arguments, message in [
        ((image, 0), "pixel size"),
        ((image, PIXEL, [1, 0.5]), "increasing"),
        ((image, PIXEL, [20, 30]), "bins with modes"),
        ((image, 4.0), "more than 0.5 Mm"),
    ]:
        with pytest.raises(ValueError, match=message):
            statistics.power_spectrum(*arguments)
    with pytest.raises(ValueError, match="windows of 101 pixels; expected 8 up to"):
        statistics.power_spectrum(image, PIXEL, side=101)


def test_repeated_tiles_are_detected():
    tile = texture((90, 90), 0)
    found = statistics.repetition(np.tile(tile, (4, 4)), 90)
    assert found["peak"] > 0.95
    random = statistics.repetition(texture((720, 720), 1, grain=4), 90)
    assert abs(random["peak"]) < 0.02
    assert random["level"] < 0.02
    assert random["peak"] == max(random[name] for name in ("along_y", "along_x", "lattice"))


def test_tiles_repeated_along_x_are_not_repeated_along_y():
    rows = [np.tile(texture((60, 60), seed), (1, 6)) for seed in range(6)]
    found = statistics.repetition(np.concatenate(rows), 60)
    assert found["along_x"] > 0.8
    assert found["along_y"] < 0.4
    turned = statistics.repetition(np.concatenate(rows).T, 60)
    assert turned["along_y"] == pytest.approx(found["along_x"], abs=1e-4)


def test_a_grid_of_lines_is_detected_as_repetition():
    image = texture((600, 600), 2)
    before = statistics.repetition(image, 60)["peak"]
    image[::60] += 0.3
    assert statistics.repetition(image, 60)["peak"] > before + 0.02


def test_the_autocorrelation_of_a_wave_does_not_decrease():
    wave = np.broadcast_to(1 + 0.1 * np.cos(2 * np.pi * np.arange(90) / 15), (120, 90))
    lags = statistics.autocorrelation(wave)
    assert lags.shape == (61, 91)
    np.testing.assert_allclose(lags[0, 45::15], 1, atol=0.01)
    np.testing.assert_allclose(lags[60, 45::15], 1, atol=0.01)


def test_the_lag_of_a_copied_part_is_found():
    image = texture((400, 400), 3)
    assert statistics.largest_repetition(image, 40)["significance"] < 6
    image[210:330, 180:300] = image[20:140, 110:230]
    found = statistics.largest_repetition(image, 40)
    assert found["lag"] == (190, 70)
    assert found["value"] > 2 * found["chance"]


def test_wrong_periods_and_lags_are_refused():
    image = texture((100, 100), 0)
    for period in (4, 40):
        with pytest.raises(ValueError, match="third"):
            statistics.repetition(image, period)
    for least in (0, 80):
        with pytest.raises(ValueError, match="smallest lag"):
            statistics.largest_repetition(image, least)


def test_seams_are_detected_and_other_lines_are_not():
    lines = range(60, 480, 60)
    halves = [texture((480, 480), seed) for seed in range(2)]
    control = statistics.seam_ratio(halves[0], lines, lines)
    for name, error in (("ratio", "error"), ("across", "across_error"), ("along", "along_error")):
        assert abs(control[name] - 1) < 4 * control[error] < 0.2
    checked = (np.add.outer(np.arange(480) // 60, np.arange(480) // 60) % 2).astype(bool)
    stitched = statistics.seam_ratio(np.where(checked, *halves), lines, lines)
    assert stitched["across"] - 1 > 10 * stitched["across_error"]
    blended = halves[0].copy()
    for row in lines:
        blended[row - 4 : row + 4] = (blended[row - 4 : row + 4] + halves[1][row - 4 : row + 4]) / 2
    assert statistics.seam_ratio(blended, lines)["along"] < 0.95


def test_seams_along_both_axes_are_treated_equally():
    image = texture((200, 300), 1)
    image[120:] += 0.05
    found, turned = statistics.seam_ratio(image, rows=[120]), statistics.seam_ratio(5 * image.T, columns=[120])
    assert turned == pytest.approx(found)
    assert found["across"] > 1.05


def test_a_seam_is_between_the_row_and_the_previous_one():
    image = texture((100, 300), 1)
    image[50:] += 1
    jumps = {row: statistics.seam_ratio(image, [row], band=0)["across"] for row in (49, 50, 51)}
    assert jumps[50] > 10 * max(jumps[49], jumps[51])


def test_wrong_seams_are_refused():
    image = texture((40, 40), 0)
    for arguments, message in [
        (((), ()), "no seams"),
        (([0],), "positions from 1 to 39"),
        (([40],), "positions from 1 to 39"),
        ((range(1, 40),), "no pixels outside 39 seams"),
    ]:
        with pytest.raises(ValueError, match=message):
            statistics.seam_ratio(image, *arguments)
    with pytest.raises(ValueError, match="band"):
        statistics.seam_ratio(image, [20], band=-1)
    assert np.isnan(statistics.seam_ratio(image, range(5, 40, 5), band=1)["error"])


@pytest.mark.parametrize(
    "turns", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow), 3]
)
@pytest.mark.parametrize("mirrored", [False, True])
def test_copies_are_detected_in_any_orientation(turns, mirrored):
    training = texture((150, 130), 0)
    image = np.rot90(training[:, ::-1] if mirrored else training, turns)
    found = statistics.novelty(image, training, texture((150, 60), 1), number=10)
    assert found["median"] < 1e-3
    assert found["ratio"] < 1e-2
    assert found["held_back_smallest"] > 0.1


@pytest.mark.slow
def test_textures_of_the_same_process_are_as_new_as_data_kept_back():
    images = [texture((150, 150), seed) for seed in range(3)]
    found = statistics.novelty(*images, number=60)
    assert found["median"] == pytest.approx(found["held_back_median"], rel=0.15)
    assert 0.6 < found["ratio"] < 1.7
    unlike = statistics.novelty(white((100, 100), 0, 0.16), *images[1:], number=20)
    # At least its own variance, plus that of the training image
    assert unlike["smallest"] > 0.95


def test_the_nearest_patch_agrees_with_brute_force():
    image, training = texture((60, 60), 0), texture((70, 64), 1)
    found = statistics.novelty(image, training, image, number=12, seed=4)
    rng = np.random.default_rng(4)
    top, left = rng.integers(0, 29, 12), rng.integers(0, 29, 12)
    training = training / training.mean()
    places = np.lib.stride_tricks.sliding_window_view(training, (32, 32)).reshape(-1, 32, 32)
    distances = []
    for y, x in zip(top, left, strict=True):
        patch = (image / image.mean())[y : y + 32, x : x + 32]
        turned = [np.rot90(each, turns) for each in (patch, patch.T) for turns in range(4)]
        distances.append(min(np.sqrt(((places - each) ** 2).mean(axis=(1, 2))).min() for each in turned))
    assert found["median"] == pytest.approx(np.median(distances) / training.std(), rel=0.01)
    assert found["smallest"] == pytest.approx(min(distances) / training.std(), rel=0.01)


def test_equal_textures_have_no_diversity():
    held_back, image = texture((120, 60), 0), texture((60, 60), 1)
    found = statistics.diversity([image, image], held_back, number=8)
    assert found["correlation"] == pytest.approx(1)
    assert found["median"] < 0.01
    assert found["held_back_median"] > 0.3


@pytest.mark.slow
def test_a_collapsed_generator_is_detected():
    held_back = texture((300, 100), 0)
    images = [texture((120, 120), seed) for seed in (1, 2, 3)]
    different = statistics.diversity(images, held_back, number=40)
    assert abs(different["correlation"]) < 0.2
    assert different["median"] == pytest.approx(different["held_back_median"], rel=0.2)
    same = statistics.diversity([images[0], images[0], images[0]], held_back, number=40)
    assert same["correlation"] == pytest.approx(1)
    assert same["median"] < 0.01
    # The same texture in other orientations
    turned = [np.rot90(images[0], turns) for turns in range(3)]
    turned = statistics.diversity(turned, held_back, number=40)
    assert turned["correlation"] < 0.5
    assert turned["median"] < 0.01


def test_wrong_arguments_of_patches_are_refused():
    image = texture((60, 60), 0)
    for options, message in [({"side": 30}, "multiple of 8"), ({"side": 64}, "within"), ({"number": 0}, "one or more")]:
        with pytest.raises(ValueError, match=message):
            statistics.novelty(image, image, image, **options)
    for images in ([image], [image, image[1:]]):
        with pytest.raises(ValueError, match="expected two or more of the same shape"):
            statistics.diversity(images, image)
