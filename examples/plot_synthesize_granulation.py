"""
================================
Generating synthetic granulation
================================

`sunpy_restore.synthesize_granulation` generates synthetic photospheric texture of any
size. This example compares the statistics of the textures with those of a part of the
simulation that was not used for training.
"""

import matplotlib.pyplot as plt
import numpy as np

import astropy.units as u

from sunpy_restore import synthesize_granulation
from sunpy_restore.granulation.statistics import (
    contrast,
    granule_areas,
    reference_statistics,
)

###############################################################################
# The generator was trained on a MURaM snapshot with pixels of 48 km. The statistics of
# the part that was kept back from the training are stored with its weights.

reference = reference_statistics()
pixel = reference.pixel
print(f"{reference.source}: pixels of {pixel} km, contrast {reference.contrast:.3f}")

###############################################################################
# Two textures are generated: one by the convolutional generator, and a Gaussian random
# field with the power spectrum of granulation, which needs no network. The headers mark
# both as synthetic.

images = {
    "convolutional": synthesize_granulation((400, 400), seed=1),
    "spectrum": synthesize_granulation((400, 400), method="spectrum", seed=1),
}
for key in ("synthetic", "rstseed", "rstmeth"):
    print(f"{key.upper()} = {images['convolutional'].meta[key]}")

###############################################################################
# The random field has the correct contrast and power spectrum. However, its bright and
# dark areas are statistically equivalent, and it contains no granules.

stretch = {"cmap": "gray", "vmin": 0.6, "vmax": 1.5}


def show(axes, smap, title, label_y=True):
    """Plot a texture in the coordinates of its Map."""
    image = axes.imshow(smap.data, origin="lower", **stretch)
    axes.set_title(title)
    for coordinate, label in zip(
        axes.coords,
        ("Solar X [arcsec]", "Solar Y [arcsec]" if label_y else " "),
        strict=True,
    ):
        coordinate.set_format_unit(u.arcsec, decimal=True)
        coordinate.set_axislabel(label)
    axes.coords[0].set_ticks(number=3)
    axes.coords[1].set_ticklabel_visible(label_y)
    return image


figure = plt.figure(figsize=(10, 5), layout="constrained")
panels = [
    figure.add_subplot(1, 2, index, projection=smap)
    for index, smap in enumerate(images.values(), start=1)
]
for axes, (name, smap) in zip(panels, images.items(), strict=True):
    image = show(axes, smap, name, label_y=axes is panels[0])
figure.colorbar(image, ax=panels, label="Intensity / mean", shrink=0.7)

###############################################################################
# Images of this size have large sampling errors. Larger textures are used for the
# statistics.

larger = {
    "convolutional": synthesize_granulation((1000, 1000), seed=2),
    "spectrum": synthesize_granulation((1000, 1000), method="spectrum", seed=2),
}
for name, smap in larger.items():
    relative = contrast(smap.data) / reference.contrast
    print(f"{name}: contrast relative to MURaM {relative:.3f}")
colours = {"convolutional": "tab:blue", "spectrum": "tab:orange", "MURaM": "black"}

###############################################################################
# Granules are bright and wide, intergranular lanes dark and narrow. The intensity
# distribution therefore has two peaks, in contrast to that of a Gaussian field.

figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
bins = np.linspace(0.4, 1.8, 71)
for name, smap in larger.items():
    label = f"{name}, KS distance {reference.histogram_distance(smap.data):.3f}"
    values = smap.data.ravel() / smap.data.mean()
    axes.hist(
        values, bins, density=True, histtype="step", color=colours[name], label=label
    )
levels = np.linspace(0, 1, len(reference.intensities))
density = np.diff(np.interp(bins, reference.intensities, levels)) / np.diff(bins)
axes.stairs(density, bins, color=colours["MURaM"], label="MURaM")
axes.set_xlabel("Intensity / mean")
axes.set_ylabel("Probability density")
axes.legend()

###############################################################################
# The power spectra are averaged over azimuth and over windows of 170 x 170 pixels. The
# figure shows them relative to that of the simulation, whose sampling error is shaded.
# It is large at 5 Mm, because a window of 8 Mm contains only a few independent modes.

figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
for name, smap in larger.items():
    distance = reference.spectrum_distance(smap.data)
    label = f"{name}, median difference {distance['median']:.0%}"
    axes.plot(
        distance["wavelength"],
        distance["ratio"],
        "o-",
        color=colours[name],
        label=label,
        markersize=3,
    )
error = np.array(reference.power_error)
axes.fill_between(
    reference.wavelength, 1 - error, 1 + error, color="0.85", label="MURaM, 1 sigma"
)
axes.set_xscale("log")
axes.set_xlabel("Wavelength [Mm]")
axes.set_ylabel("Power relative to MURaM")
axes.legend()

###############################################################################
# Granules are segmented with sunkit-image in windows of the same shape. The granule
# areas are used neither in the training nor in the calibration.

figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
for name, smap in larger.items():
    areas = granule_areas(smap.data, pixel, piece=(reference.side, reference.side))
    granules = reference.granule_distance(smap.data)
    label = (
        f"{name}, KS {granules['ks']:.2f} (median by chance: {granules['chance']:.2f})"
    )
    axes.ecdf(areas, color=colours[name], label=label)
    print(
        f"{name}: {granules['number']} granules, "
        f"density relative to MURaM {granules['density_ratio']:.2f}"
    )
axes.ecdf(
    np.array(reference.areas) * (pixel / 1000) ** 2,
    color=colours["MURaM"],
    label="MURaM",
)
axes.set_xscale("log")
axes.set_xlabel("Granule area [Mm$^2$]")
axes.set_ylabel("Cumulative fraction of granules")
axes.legend()

###############################################################################
# The last image covers 96 x 96 Mm, twice the width of the simulation, without any
# tiles. Images of any size are generated in bands of rows. With ``out=`` they are
# written to a file, even if they are larger than memory.

smap = synthesize_granulation((2000, 2000), seed=3)
figure, axes = plt.subplots(
    figsize=(14, 12), layout="constrained", subplot_kw={"projection": smap}
)
image = show(axes, smap, "")
figure.colorbar(image, ax=axes, label="Intensity / mean", shrink=0.8)

plt.show()
