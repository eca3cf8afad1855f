"""
=====================================
Recovering a saturated AIA flare core
=====================================

`sunpy_restore.desaturate` fills the saturated pixels of AIA flare images. This example
processes an observed flare with three methods and compares their results with the
observed diffraction fringes. A simulated flare with known ground truth then shows the
errors of the methods.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap, LogNorm
from scipy import ndimage
from skimage.feature import peak_local_max

import astropy.units as u

import sunpy.map

from sunpy_restore import desaturate, filled
from sunpy_restore.data import sample_path
from sunpy_restore.desaturation.detection.saturation import find_saturation
from sunpy_restore.desaturation.forward import FULL_WELL, expose, fringes
from sunpy_restore.desaturation.fringes.report import fringe_residual, fringe_strength

###############################################################################
# The sample is a flare of 2014-10-26 at 193 Å with a saturated core. Some pixels show
# primary saturation; others were reached by blooming, which moves charge along the CCD
# columns. A margin of two pixels around them is filled as well, because the
# registration to level 1.5 has mixed these pixels with saturated ones.

observed = sunpy.map.Map(sample_path("aia_193_flare"))
saturation = find_saturation(observed)
print(f"saturation level: {saturation.level:.0f} DN")
print(f"primary saturation: {saturation.primary.sum()} pixels")
print(f"blooming: {saturation.blooming.sum()} pixels")
print(f"pixels to fill: {saturation.mask.sum()} of {saturation.mask.size}")

###############################################################################
# A single call fills the core. ``"biharmonic"`` interpolates smoothly.
# ``"diffraction"`` searches for the core that reproduces the observed diffraction
# fringes, without assumptions about the appearance of flares. The network was trained
# on flares, and its fill is then corrected with the fringes.

methods = ("biharmonic", "diffraction", "network")
restored = {method: desaturate(observed, method=method) for method in methods}

###############################################################################
# The next figure shows the observation, the mask (blue: primary saturation, green:
# blooming, grey: margin), and the results on the same logarithmic scale. Pixels outside
# the mask are identical in all images.


def show(axes, image, title, **options):
    """Plot an image; Solar Y is labelled on the first panel of a row only."""
    drawn = axes.imshow(image, origin="lower", interpolation="nearest", **options)
    axes.set_title(title)
    first = axes.get_subplotspec().is_first_col()
    for coordinate, label in zip(
        axes.coords,
        ("Solar X [arcsec]", "Solar Y [arcsec]" if first else " "),
        strict=True,
    ):
        coordinate.set_format_unit(u.arcsec, decimal=True)
        coordinate.set_axislabel(label)
        coordinate.set_ticks(number=4)
    axes.coords[1].set_ticklabel_visible(first)
    return drawn


def row(smap, count):
    """Create a row of panels with the WCS of a Map."""
    figure, panels = plt.subplots(
        ncols=count,
        figsize=(3.4 * count, 3.9),
        layout="constrained",
        subplot_kw={"projection": smap},
    )
    return figure, panels


core = observed.submap([38, 78] * u.pix, top_right=[98, 138] * u.pix)
part = np.s_[78:139, 38:99]  # the same pixels of an array
norm = LogNorm(800, max(smap.data.max() for smap in restored.values()))

figure, panels = row(core, 2 + len(restored))
image = show(panels[0], core.data, "AIA 193 Å", cmap=core.cmap, norm=norm)
kinds = np.where(
    saturation.primary, 3, np.where(saturation.blooming, 2, saturation.mask)
)[part]
colours = ListedColormap(["white", "lightgray", "tab:green", "tab:blue"])
show(panels[1], kinds, "saturated pixels", cmap=colours, vmin=0, vmax=3)
for axes, (method, smap) in zip(panels[2:], restored.items(), strict=True):
    show(axes, smap.data[part], method, cmap=core.cmap, norm=norm)
figure.colorbar(image, ax=panels, label="Intensity [DN]", shrink=0.8)

unchanged = [
    np.array_equal(smap.data[~saturation.mask], observed.data[~saturation.mask])
    for smap in restored.values()
]
print("pixels outside the mask are unchanged:", all(unchanged))

###############################################################################
# The diffraction fringes show which result is correct. The filter meshes diffract a
# third of the light, so each core is surrounded by faint, unsaturated images of itself.
# `~sunpy_restore.desaturation.forward.fringes` predicts these fringes from a fill.
# Single fringes are hardly visible on the structure of the corona. The profiles across
# the 60 brightest of them on dark corona are therefore averaged: the structure cancels
# and the fringes remain. The left panel shows the predicted fringes and the places
# where profiles are taken. In the right panel, the observed mean profile agrees with
# the prediction of the correct core within the standard error of the mean (shaded), and
# less of it remains if that prediction is subtracted.

valid = ~saturation.mask
predicted = {
    method: fringes(np.where(valid, 0, smap.data), 193)
    for method, smap in restored.items()
}


def smooth(image, width):
    """Gaussian average of the pixels outside of the mask."""
    weight = ndimage.gaussian_filter(valid.astype(float), width)
    return ndimage.gaussian_filter(np.where(valid, image, 0), width) / np.maximum(
        weight, 1e-3
    )


centre = np.array(ndimage.center_of_mass(np.where(valid, 0, restored["network"].data)))
usable = ndimage.binary_erosion(valid, iterations=14) & (
    smooth(observed.data, 6) < 1.2 * np.median(observed.data)
)
spots = peak_local_max(
    np.where(usable, ndimage.gaussian_filter(predicted["network"], 1), 0),
    min_distance=3,
    exclude_border=14,
    num_peaks=60,
)
outward = (spots - centre) / np.linalg.norm(spots - centre, axis=1, keepdims=True)
offsets = np.arange(-12, 13)
places = (
    spots[:, None]
    + offsets[:, None] * np.stack([outward[:, 1], -outward[:, 0]], axis=1)[:, None]
)


def profiles(image):
    """Profiles across the fringes relative to their ends, shape (spots, offsets)."""
    values = ndimage.map_coordinates(
        image - smooth(image, 6), np.moveaxis(places, -1, 0), order=1
    )
    return values - values[:, np.abs(offsets) > 8].mean(axis=1, keepdims=True)


figure = plt.figure(figsize=(11, 4.6), layout="constrained")
axes = figure.add_subplot(1, 2, 1, projection=observed)
image = show(
    axes,
    predicted["network"],
    "fringes of the network's core",
    cmap="gray",
    vmin=0,
    vmax=300,
)
axes.plot(spots[:, 1], spots[:, 0], ".", color="tab:orange", markersize=3)
axes.coords.grid(draw_grid=False)
figure.colorbar(image, ax=axes, label="Intensity [DN]", shrink=0.8)

axes = figure.add_subplot(1, 2, 2)
stack = profiles(observed.data.astype(float))
mean, error = stack.mean(axis=0), stack.std(axis=0) / np.sqrt(len(stack))
axes.plot(offsets, mean, color="black", linewidth=2, label="observed")
axes.fill_between(offsets, mean - error, mean + error, color="black", alpha=0.15)
for method, pattern in predicted.items():
    axes.plot(offsets, profiles(pattern).mean(axis=0), label=f"predicted: {method}")
remaining = stack - profiles(predicted["network"])
axes.plot(
    offsets,
    remaining.mean(axis=0),
    color="gray",
    linestyle="--",
    label="observed - network",
)
axes.set(
    xlabel="Distance from the fringe [pixels]",
    ylabel="Intensity [DN]",
    title="mean profile across 60 fringes",
)
axes.legend(fontsize="small")

###############################################################################
# Two numbers quantify the agreement. The residual is the fraction of the pixel-to-pixel
# differences that remains after the predicted fringes are subtracted. Most of it is
# structure of the corona itself, so only relative values are meaningful. The strength
# is the ratio of the observed to the predicted fringes. A value above 1 means that the
# core is too faint.

for method, smap in {"as observed": observed, **restored}.items():
    residual = fringe_residual(smap.data, saturation.mask, 193)
    strength = fringe_strength(smap.data, saturation.mask, 193)
    flux = smap.data[saturation.mask].sum()
    print(
        f"{method:<12} residual {residual:.4f}, observed / predicted {strength:.2f}, "
        f"flux under the mask {flux:.3g} DN"
    )

###############################################################################
# The simulated flare is a ribbon with a peak of five full wells. It is added to an
# image of an active region and passed through the instrument model: diffraction
# fringes, noise, saturation and blooming.

quiet = sunpy.map.Map(sample_path("aia_171_quiet"))
y, x = np.indices(quiet.data.shape)
along, across = 0.8 * (x - 180) + 0.6 * (y - 110), 0.8 * (y - 110) - 0.6 * (x - 180)
ribbon = np.exp(-((along / 9) ** 2) - ((across - 0.03 * along**2) / 2.2) ** 2) * (
    1 + 0.5 * np.cos(along / 2.5)
)
source = 5 * FULL_WELL * ribbon / ribbon.max()
truth = quiet.data + source + fringes(source, 171)
exposure, _ = expose(truth, 171, np.random.default_rng(1))
saturated = sunpy.map.Map(exposure, quiet.meta)
recovered = {method: desaturate(saturated, method=method) for method in methods}

part = np.s_[80:141, 150:211]
near = quiet.submap([150, 80] * u.pix, top_right=[210, 140] * u.pix)
norm = LogNorm(300, truth.max())
figure, panels = row(near, 2 + len(recovered))
images = {"truth": truth, "saturated": exposure} | {
    method: smap.data for method, smap in recovered.items()
}
for axes, (title, data) in zip(panels, images.items(), strict=True):
    image = show(axes, data[part], title, cmap=near.cmap, norm=norm)
figure.colorbar(image, ax=panels, label="Intensity [DN]", shrink=0.8)

###############################################################################
# The last figure shows a profile through the core, along the column of its brightest
# pixel. The printed errors refer to the flux above the full well, which saturation has
# hidden, and to the position of the brightest pixel.

top, peak = np.unravel_index(np.argmax(truth), truth.shape)
figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
distance = quiet.scale.axis2.to_value(u.arcsec / u.pix) * (
    np.arange(part[0].start, part[0].stop) - top
)
styles = {
    "truth": {"color": "black", "linewidth": 2},
    "saturated": {"color": "gray", "linestyle": ":"},
}
for title, data in images.items():
    axes.semilogy(distance, data[part[0], peak], label=title, **styles.get(title, {}))
axes.set_xlabel("Distance from the brightest pixel [arcsec]")
axes.set_ylabel("Intensity [DN]")
axes.legend()

lit = truth > FULL_WELL
hidden = (truth[lit] - FULL_WELL).sum()
for method, smap in recovered.items():
    error = (smap.data[lit] - FULL_WELL).sum() / hidden - 1
    place = np.unravel_index(
        np.argmax(np.where(filled(smap), smap.data, 0)), truth.shape
    )
    away = np.hypot(*np.subtract(place, (top, peak)))
    print(
        f"{method:<12} flux error above the full well {error:+.0%}, "
        f"brightest pixel off by {away:.1f} pixels"
    )

plt.show()
