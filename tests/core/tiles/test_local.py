import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import ndimage
from torch import nn

from sunpy_restore.core.inference.function import network_function
from sunpy_restore.core.numerics.nearest import fill_invalid
from sunpy_restore.core.tiles.local import apply_tiled


def identity(tiles):
    return tiles


def correlation(radius, scale=1, channels_in=1, channels_out=1, seed=0):
    """
    Make a local function of exactly this receptive radius, whose border is wrong.

    At scale 2 one pixel of the radius is due to a correlation of the enlarged image.
    """
    rng = np.random.default_rng(seed)
    inner = radius - (scale - 1)
    kernels = rng.normal(size=(channels_out, channels_in, 2 * inner + 1, 2 * inner + 1))
    fine = rng.normal(size=(3, 3))

    def function(tiles):
        result = np.zeros((len(tiles), channels_out, *tiles.shape[2:]))
        for tile, out in zip(tiles, result, strict=True):
            for channel, row in zip(out, kernels, strict=True):
                for source, kernel in zip(tile, row, strict=True):
                    channel += ndimage.correlate(source, kernel, mode="constant", cval=1e3, output=float)
        if scale == 2:
            enlarged = result.repeat(2, axis=2).repeat(2, axis=3)
            result = ndimage.correlate(enlarged, fine[np.newaxis, np.newaxis], mode="constant", cval=1e3)
        return result.astype(np.float32)

    return function


def untiled(function, image, *, scale=1, halo):
    """Call a function once with the whole image."""
    image = np.asarray(image, dtype=np.float32)
    image = image.reshape(-1, *image.shape[-2:])
    padded = np.pad(image, ((0, 0), (halo, halo), (halo, halo)), mode="symmetric")
    result = function(padded[np.newaxis])[0]
    edge = scale * halo
    result = result[:, edge : result.shape[1] - edge, edge : result.shape[2] - edge]
    return result[0] if len(result) == 1 else result


def random_image(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def assert_close(result, expected):
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, rtol=0, atol=2e-5 * np.abs(expected).max())


SIZES = st.integers(1, 40)


@given(
    ny=SIZES, nx=SIZES, tile=st.integers(1, 50), radius=st.integers(0, 3), spare=st.integers(0, 20),
    batch=st.integers(1, 5), scale=st.sampled_from([1, 2]), channels_in=st.integers(0, 3),
    channels_out=st.integers(1, 3), seed=st.integers(0, 99),
)  # fmt: skip
@example(1, 1, 256, 3, 0, 4, 2, 0, 1, 0)
@example(1, 37, 8, 3, 0, 4, 2, 2, 2, 0)
@example(33, 1, 8, 2, 9, 4, 1, 0, 1, 0)
def test_tiled_equals_untiled(ny, nx, tile, radius, spare, batch, scale, channels_in, channels_out, seed):
    radius = max(radius, scale - 1)
    function = correlation(radius, scale, max(channels_in, 1), channels_out, seed)
    image = random_image(ny, nx) if channels_in == 0 else random_image(channels_in, ny, nx)
    result = apply_tiled(function, image, scale=scale, halo=radius + spare, tile=tile, batch=batch)
    assert_close(result, untiled(function, image, scale=scale, halo=radius + spare))


def pooled(stride, radius=0, channels_in=1):
    """Make a function of the means over cells of a grid, and over neighbouring cells up to a radius in cells."""
    local = correlation(radius, 1, channels_in)

    def function(tiles):
        assert all(side % stride == 0 for side in tiles.shape[2:])
        cells = [side // stride for side in tiles.shape[2:]]
        means = tiles.reshape(*tiles.shape[:2], cells[0], stride, cells[1], stride).mean(axis=(3, 5))
        return local(means).repeat(stride, axis=2).repeat(stride, axis=3) + tiles[:, :1]

    return function


@given(
    ny=SIZES, nx=SIZES, tile=st.integers(1, 50), stride=st.integers(1, 9), radius=st.integers(0, 2),
    spare=st.integers(0, 20), channels=st.integers(0, 3),
)  # fmt: skip
@example(33, 40, 8, 8, 1, 0, 0)
def test_tiled_equals_untiled_on_a_coarser_grid(ny, nx, tile, stride, radius, spare, channels):
    """All tiles sample the grid that begins at the corner of the image, wherever the image ends."""
    function = pooled(stride, radius, max(channels, 1))
    image = random_image(ny, nx) if channels == 0 else random_image(channels, ny, nx)
    # From any pixel of a cell to the farthest pixel of another
    halo = (radius + 1) * stride - 1 + spare
    result = apply_tiled(function, image, halo=halo, tile=tile, stride=stride)
    before = -(-halo // stride) * stride
    after = [before + -side % stride for side in (ny, nx)]
    padded = np.pad(image.reshape(-1, ny, nx), ((0, 0), (before, after[0]), (before, after[1])), mode="symmetric")
    expected = function(padded[np.newaxis])[0, 0, before : before + ny, before : before + nx]
    assert_close(result, expected)


def test_tiles_off_the_grid_change_the_result():
    # So that the test above cannot pass for a wrong reason: these tiles begin half a cell off the grid
    function, image = pooled(8), random_image(40, 40)
    whole = apply_tiled(function, image, halo=7, stride=8)
    assert np.abs(apply_tiled(function, image, halo=12, tile=8, stride=4) - whole).max() > 0.03


@pytest.mark.parametrize("active", [None, "one", "none"])
@pytest.mark.parametrize("channels", [1, 3])
def test_without_a_receptive_radius_the_function_gets_the_whole_image_once(active, channels):
    image, seen = random_image(channels, 31, 50), []

    def function(tiles):
        seen.append(tiles)
        return tiles.mean(axis=(1, 2, 3), keepdims=True) + np.zeros_like(tiles[:, :1])

    where = None if active is None else np.zeros((31, 50), dtype=bool)
    if active == "one":
        where[3, 4] = True
    result = apply_tiled(function, image, halo=None, tile=8, batch=1, active=where)
    if active == "none":
        assert np.isnan(result).all()
    else:
        (whole,) = seen
        np.testing.assert_array_equal(whole, image[np.newaxis])
        np.testing.assert_allclose(result, np.full((31, 50), image.mean()), atol=1e-6)


def test_without_a_receptive_radius_sides_are_still_multiples_of_the_stride():
    image, seen = random_image(13, 16), []

    def function(tiles):
        seen.append(tiles)
        return tiles

    np.testing.assert_array_equal(apply_tiled(function, image, halo=None, stride=8), image)
    np.testing.assert_array_equal(seen[0][0, 0], np.pad(image, ((0, 3), (0, 0)), mode="symmetric"))


class Residual(nn.Module):
    """Two 3x3 convolutions with reflection padding and batch norm, and then as many more at twice the scale."""

    receptive_radius = 1 + 1 + 1

    def __init__(self, channels_in, channels_out, scale):
        super().__init__()
        k = {"padding": 1, "padding_mode": "reflect"}
        self.first = nn.Sequential(nn.Conv2d(channels_in, 6, 3, **k), nn.BatchNorm2d(6), nn.ReLU())
        self.second = nn.Conv2d(6, 6, 3, **k)
        self.norm = nn.BatchNorm2d(6)
        up = [nn.Upsample(scale_factor=2, mode="nearest")] if scale == 2 else []
        self.tail = nn.Sequential(*up, nn.Conv2d(6, channels_out, 3, **k))
        for norm in (self.first[1], self.norm):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)

    def forward(self, x):
        features = self.first(x)
        return self.tail(features + self.norm(self.second(features)))


@given(
    ny=SIZES, nx=SIZES, tile=st.integers(1, 30), spare=st.integers(0, 3), batch=st.integers(1, 5),
    scale=st.sampled_from([1, 2]), channels_in=st.integers(1, 2), channels_out=st.integers(1, 2),
)  # fmt: skip
def test_tiled_network_equals_the_plain_network(ny, nx, tile, spare, batch, scale, channels_in, channels_out):
    torch.manual_seed(ny)
    network = Residual(channels_in, channels_out, scale)
    image, halo = random_image(channels_in, ny, nx), network.receptive_radius + spare
    result = apply_tiled(network_function(network, "cpu"), image, scale=scale, halo=halo, tile=tile, batch=batch)

    network.eval()
    with torch.no_grad():
        expected = untiled(lambda tiles: network(torch.from_numpy(tiles)).numpy(), image, scale=scale, halo=halo)
    assert_close(result, expected)


@pytest.mark.parametrize("scale", [1, 2])
def test_halo_below_the_receptive_radius_changes_the_result(scale):
    # So that the tests of equality above cannot pass for a wrong reason
    function, image = correlation(3, scale), random_image(40, 40)
    whole = untiled(function, image, scale=scale, halo=3)
    assert_close(apply_tiled(function, image, scale=scale, halo=3, tile=16), whole)
    too_small = apply_tiled(function, image, scale=scale, halo=2, tile=16)
    assert np.abs(too_small - whole).max() > 1e-2 * np.abs(whole).max()


@given(ny=SIZES, nx=SIZES, tile=st.integers(1, 20), halo=st.integers(0, 5), batch=st.integers(1, 5), data=st.data())
def test_tiles_of_a_call_have_one_shape_and_nothing_is_computed_twice_over(ny, nx, tile, halo, batch, data):
    scale = data.draw(st.sampled_from([1, 2]))
    shapes = []

    def function(tiles):
        shapes.append(tiles.shape)
        return tiles.repeat(scale, axis=2).repeat(scale, axis=3)

    image = random_image(ny, nx)
    result = apply_tiled(function, image, scale=scale, halo=halo, tile=tile, batch=batch)
    np.testing.assert_array_equal(result, image.repeat(scale, axis=0).repeat(scale, axis=1))
    assert len({shape[1:] for shape in shapes}) == 1
    assert all(shape[0] <= batch for shape in shapes)
    height, width = (side - 2 * halo for side in shapes[0][2:])
    assert height <= min(tile, ny)
    assert width <= min(tile, nx)
    assert sum(shape[0] for shape in shapes) == -(-ny // tile) * -(-nx // tile)


@given(ny=SIZES, nx=SIZES, tile=st.integers(1, 20), scale=st.sampled_from([1, 2]), data=st.data())
def test_tiles_without_active_pixels_are_skipped(ny, nx, tile, scale, data):
    pixels = data.draw(st.lists(st.tuples(st.integers(0, ny - 1), st.integers(0, nx - 1)), max_size=4))
    active = np.zeros((ny, nx), dtype=bool)
    active[tuple(np.array(pixels, dtype=int).reshape(-1, 2).T)] = True
    function, image, halo = correlation(2, scale), random_image(ny, nx), 2
    calls = []

    def counted(tiles):
        calls.append(len(tiles))
        return function(tiles)

    result = apply_tiled(counted, image, scale=scale, halo=halo, tile=tile, active=active)
    done = np.isfinite(result)
    whole = untiled(function, image, scale=scale, halo=halo)
    assert_close(np.where(done, result, whole), whole)
    assert done[active.repeat(scale, axis=0).repeat(scale, axis=1)].all()
    # Nothing is computed beyond the tile of an active pixel
    near = ndimage.maximum_filter(active, size=2 * tile - 1)
    assert not done[~near.repeat(scale, axis=0).repeat(scale, axis=1)].any()
    if pixels:
        assert sum(calls) <= len(set(pixels))


def test_tiles_skipped_are_exactly_those_without_active_pixels():
    active = np.zeros((30, 30), dtype=bool)
    active[12, 29] = True
    result = apply_tiled(identity, np.zeros((30, 30)), halo=1, tile=10, active=active, fill=-1)
    expected = np.full((30, 30), -1.0)
    expected[10:20, 20:30] = 0
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_shape_of_the_result_does_not_depend_on_what_is_active(channels):
    image, function = random_image(8, 9), correlation(2, 2, 1, channels)
    image[0, 0] = np.nan
    none = apply_tiled(function, image, scale=2, halo=2, active=np.zeros((8, 9), dtype=bool))
    assert none.shape == ((16, 18) if channels == 1 else (3, 16, 18))
    assert np.isnan(none).all()


def test_fill_may_be_an_image():
    active = np.zeros((20, 20), dtype=bool)
    active[0, 0] = True
    image = random_image(20, 20)
    result = apply_tiled(np.negative, image, halo=0, tile=10, active=active, fill=2 * image)
    expected = 2 * image
    expected[:10, :10] = -image[:10, :10]
    np.testing.assert_array_equal(result, expected)
    with pytest.raises(ValueError, match=r"Found fill values of shape \(20, 3\); .*\(1, 20, 20\)"):
        apply_tiled(np.negative, image, halo=0, tile=10, active=active, fill=np.zeros((20, 3)))


def extra_memory(image, **keywords):
    """Peak of the memory taken during the call, without its result."""

    def function(tiles):
        return 0.5 * tiles

    tracemalloc.start()
    try:
        result = apply_tiled(function, image, halo=8, batch=4, **keywords)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return peak - result.nbytes


@pytest.mark.parametrize(("tile", "side"), [(32, 900), (128, 1500)])
@pytest.mark.parametrize("dtype", ["<f4", ">f8"])
def test_memory_is_bounded_by_the_tile(tile, side, dtype):
    image = np.zeros((side, 2 * side), dtype=dtype)[:, ::2]
    batch_of_tiles = 4 * (tile + 16) ** 2 * 4
    bookkeeping = 300 * (1 + side // tile) ** 2 + 300_000
    bound = 6 * batch_of_tiles + bookkeeping
    assert bound < image.size * 4 / 2
    assert extra_memory(image, tile=tile) < bound


DTYPES = ["?", "i1", "u1", "<i2", ">i2", "<u2", ">u2", "<i4", ">i4", ">u4", "<i8", ">i8", ">u8",
          "<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "g"]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("view", ["plain", "strided", "reversed", "transposed", "fortran"])
def test_any_real_dtype_and_layout(dtype, view):
    image = (50 * np.abs(random_image(23, 30))).astype(dtype)
    image = {
        "plain": image,
        "strided": image[::2, 1::3],
        "reversed": image[::-1, ::-1],
        "transposed": image.T,
        "fortran": np.asfortranarray(image),
    }[view]
    before = image.copy()
    image.flags.writeable = False
    function = correlation(2)
    result = apply_tiled(function, image, halo=2, tile=8)
    assert_close(result, untiled(function, before, halo=2))
    np.testing.assert_array_equal(image, before)
    assert result.dtype == np.float32
    assert result.dtype.isnative
    assert result.flags.c_contiguous
    assert result.flags.writeable


@pytest.mark.parametrize(("out_dtype", "expected"), [("f8", np.float64), (">f4", np.float32), (np.float16, np.float16)])
def test_dtype_of_the_result(out_dtype, expected):
    result = apply_tiled(identity, random_image(5, 6), halo=0, out_dtype=out_dtype)
    assert result.dtype == expected
    assert result.dtype.isnative


def test_input_is_safe_from_a_function_that_overwrites_its_argument():
    def overwrite(tiles):
        tiles *= 2
        return tiles

    image = random_image(20, 20)
    before = image.copy()
    np.testing.assert_array_equal(apply_tiled(overwrite, image, halo=3, tile=64), 2 * before)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("dtype", [complex, np.complex64, object, "U3", "M8[s]"])
def test_images_that_are_not_real_are_refused(dtype):
    image = np.zeros((4, 4), dtype=dtype)
    for call in (lambda: apply_tiled(identity, image, halo=0), lambda: fill_invalid(image)):
        with pytest.raises(TypeError, match=r"Found data of type .* expected an image of real numbers"):
            call()


@pytest.mark.parametrize("shape", [(), (5,), (2, 1, 5, 5), (0, 5), (5, 0), (0, 5, 5)])
def test_images_of_other_shapes_are_refused(shape):
    image = np.zeros(shape)
    for call in (lambda: apply_tiled(identity, image, halo=0), lambda: fill_invalid(image)):
        with pytest.raises(ValueError, match="Found shape") as error:
            call()
        assert str(shape) in str(error.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_pixels_that_are_not_finite_are_refused_where_they_matter(bad):
    image = np.zeros((30, 30))
    image[3, 3] = bad
    with pytest.raises(ValueError, match="fill_invalid"):
        apply_tiled(identity, image, halo=1, tile=10)
    active = np.zeros((30, 30), dtype=bool)
    active[20, 20] = True
    assert np.isfinite(apply_tiled(identity, image, halo=1, tile=10, active=active)).sum() == 100


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"scale": 0}, ValueError, "Found 0; expected scale to be at least 1"),
        ({"halo": -1}, ValueError, "Found -1; expected halo to be at least 0"),
        ({"tile": 0}, ValueError, "Found 0; expected tile to be at least 1"),
        ({"batch": 0}, ValueError, "Found 0; expected batch to be at least 1"),
        ({"stride": 0}, ValueError, "Found 0; expected stride to be at least 1"),
        ({"tile": 2.5}, TypeError, "integer"),
        ({"out_dtype": int}, TypeError, "Found out_dtype=int64; expected a floating-point type"),
        ({"active": np.ones((6, 7))}, TypeError, "active pixels of type float64; expected a boolean array"),
        ({"active": np.ones((7, 6), dtype=bool)}, ValueError, r"shape \(7, 6\); expected \(6, 7\)"),
    ],
)
def test_wrong_arguments_are_refused(keywords, error, message):
    with pytest.raises(error, match=message):
        apply_tiled(identity, np.zeros((6, 7)), **{"halo": 0, **keywords})


@pytest.mark.parametrize(
    "function",
    [
        lambda tiles: tiles[:, :, 1:],
        lambda tiles: tiles[:, 0],
        lambda tiles: tiles[:1],
        lambda tiles: tiles[:, :0],
        lambda tiles: tiles.repeat(2, axis=2).repeat(2, axis=3),
        lambda tiles: None,
    ],
)
def test_function_that_gives_a_wrong_shape_is_refused(function):
    with pytest.raises(ValueError, match=r"tiles of shape \(2, 1, 7, 8\); expected \(2, channels, 7, 8\)"):
        apply_tiled(function, np.zeros((10, 6)), halo=1, tile=6, batch=2)


def test_function_that_changes_its_number_of_channels_is_refused():
    channels = iter([1, 2])
    with pytest.raises(ValueError, match="Found a result of 2 channels; expected 1"):
        apply_tiled(lambda tiles: tiles.repeat(next(channels), axis=1), np.zeros((9, 9)), halo=0, tile=9 // 2, batch=5)


def test_function_that_gives_complex_numbers_is_refused():
    with pytest.raises(TypeError, match="complex64"):
        apply_tiled(lambda tiles: tiles * np.complex64(1j), np.zeros((3, 3)), halo=0)


def test_progress_bar_is_shown_on_request_only(capsys):
    apply_tiled(identity, np.zeros((20, 20)), halo=0, tile=10)
    assert capsys.readouterr() == ("", "")
    apply_tiled(identity, np.zeros((20, 20)), halo=0, tile=10, progress=True, description="Restoring")
    shown = capsys.readouterr().err
    assert "Restoring" in shown
    assert "4/4" in shown


@pytest.mark.parametrize(
    "error", [MemoryError, lambda: RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 9 bytes")]
)
@pytest.mark.parametrize("most", [40**2, 2 * 90**2])
def test_fewer_and_smaller_tiles_are_tried_if_the_memory_is_too_small(error, most):
    seen = []

    def function(tiles):
        seen.append(tiles.shape)
        if tiles[:, 0].size > most:
            raise error()
        return ndimage.uniform_filter(tiles, (0, 0, 3, 3), mode="nearest")

    image = random_image(150, 130)
    result = apply_tiled(function, image, halo=2, tile=128, batch=4)
    assert_close(result, apply_tiled(lambda tiles: ndimage.uniform_filter(tiles, (0, 0, 3, 3)), image, halo=2))
    assert seen[0][0] == 4
    assert any(shape[0] == 1 for shape in seen)


def test_the_error_is_clear_if_the_memory_is_too_small_for_the_smallest_tile():
    def function(tiles):
        raise MemoryError

    with pytest.raises(MemoryError, match=r"one part of 34 x 34 pixels does not fit; close other programs"):
        apply_tiled(function, random_image(150, 130), halo=1, tile=128)
    with pytest.raises(MemoryError, match=r"one part of 150 x 150 pixels does not fit"):
        apply_tiled(function, random_image(150, 130), halo=None)


def test_other_errors_of_the_function_are_not_hidden():
    def function(tiles):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        apply_tiled(function, random_image(9, 9), halo=1)
