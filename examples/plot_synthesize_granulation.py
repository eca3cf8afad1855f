"""
========================
Synthesising granulation
========================

`sunpy_restore.synthesize_granulation` makes photospheric texture of any size. This example puts textures beside the
simulation, in a part of it that no network has seen, and compares their statistics.
"""

import matplotlib.pyplot as plt
import numpy as np

import sunpy.map

from sunpy_restore import synthesize_granulation
from sunpy_restore.data import sample_path
from sunpy_restore.granulation.statistics import (
    contrast,
    granule_areas,
    granule_distance,
    histogram_distance,
    power_spectrum,
    spectrum_distance,
)

###############################################################################
# The sample is 480 x 170 pixels of 48 km of a snapshot of MURaM: emergent intensity over its mean.

simulated = sunpy.map.Map(sample_path("granulation_muram"))
pixel = 48.0
print(f"{simulated.meta['object']}: {simulated.data.shape} pixels, contrast {contrast(simulated.data):.3f}")

###############################################################################
# Two textures of the same size: one by the convolutional generator, and a Gaussian random field with the power spectrum
# of granulation, which is what one has without a network. No header of theirs says that they are of the Sun.

images = {
    "convolutional": synthesize_granulation(simulated.data.shape, seed=1),
    "spectrum": synthesize_granulation(simulated.data.shape, method="spectrum", seed=1),
    "MURaM": simulated,
}
for key in ("synthetic", "rstseed", "rstmeth"):
    print(f"{key.upper()} = {images['convolutional'].meta[key]}")

###############################################################################
# Which one is the simulation? The random field has the right contrast and the right sizes; but it is as often bright as
# it is dark, and nothing in it closes to a granule.

stretch = {"origin": "lower", "cmap": "gray", "vmin": 0.6, "vmax": 1.5}


def extent(data):
    """Edges of an image in Mm."""
    return [0, 1e-3 * pixel * data.shape[1], 0, 1e-3 * pixel * data.shape[0]]


figure, panels = plt.subplots(1, 3, figsize=(10, 8), layout="constrained", sharey=True)
for axes, (name, smap) in zip(panels, images.items(), strict=True):
    image = axes.imshow(smap.data, extent=extent(smap.data), **stretch)
    axes.set_title(name)
    axes.set_xlabel("x [Mm]")
panels[0].set_ylabel("y [Mm]")
figure.colorbar(image, ax=panels, label="Intensity / mean", shrink=0.7)

###############################################################################
# Pieces of this size differ by chance, the simulation's own ones, too. For statistics larger textures serve better.

larger = {
    "convolutional": synthesize_granulation((1000, 1000), seed=2),
    "spectrum": synthesize_granulation((1000, 1000), method="spectrum", seed=2),
    "MURaM": simulated,
}
colours = {"convolutional": "tab:blue", "spectrum": "tab:orange", "MURaM": "black"}

###############################################################################
# Intensities: granules are bright and broad, lanes dark and narrow, so that the distribution has two humps. A Gaussian
# field has one.

figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
for name, smap in larger.items():
    distance = histogram_distance(smap.data, simulated.data)
    label = name if smap is simulated else f"{name}, KS {distance:.3f}"
    values = smap.data.ravel() / smap.data.mean()
    axes.hist(values, np.linspace(0.4, 1.8, 71), density=True, histtype="step", color=colours[name], label=label)
axes.set_xlabel("Intensity / mean")
axes.set_ylabel("Probability density")
axes.legend()

###############################################################################
# Power spectra, as means over azimuth and over windows of 170 pixels. The error bars are those of the simulation: at
# 5 Mm a strip of 8 Mm has but a few independent waves.

side = simulated.data.shape[1]
edges = np.geomspace(0.1, 1e-3 * pixel * side, 20)
figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
for name, smap in larger.items():
    wavelength, power, modes = power_spectrum(smap.data, pixel, edges, side=side)
    style = {"yerr": power / np.sqrt(modes), "fmt": "o-"} if smap is simulated else {}
    distance = spectrum_distance(smap.data, simulated.data, pixel)
    label = name if smap is simulated else f"{name}, median difference {distance['median']:.0%}"
    axes.errorbar(wavelength, power, color=colours[name], label=label, markersize=3, **style)
axes.set_xscale("log")
axes.set_yscale("log")
axes.set_xlabel("Wavelength [Mm]")
axes.set_ylabel("Power")
axes.legend()

###############################################################################
# Granules, as sunkit-image segments them, in pieces of the same shape. Nothing in the training or in the calibration
# knows of them.

figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
for name, smap in larger.items():
    areas = granule_areas(smap.data, pixel, piece=simulated.data.shape)
    found = granule_distance(smap.data, simulated.data, pixel)
    label = name if smap is simulated else f"{name}, KS {found['ks']:.2f} (by chance {found['chance']:.2f})"
    axes.step(areas, np.arange(1, len(areas) + 1) / len(areas), color=colours[name], label=label)
    print(f"{name}: {found['number']} granules, {found['density_ratio']:.2f} times as many in an area as in MURaM")
axes.set_xscale("log")
axes.set_xlabel("Area of granules [Mm$^2$]")
axes.set_ylabel("Share of granules with less")
axes.legend()

###############################################################################
# A field of 96 x 96 Mm, twice as wide as the simulation. It has no tiles. Any size is made like this, in bands of rows,
# and goes to a file with ``out=`` if it is larger than memory.

smap = synthesize_granulation((2000, 2000), seed=3)
figure, axes = plt.subplots(figsize=(14, 12), layout="compressed")
image = axes.imshow(smap.data, extent=extent(smap.data), **stretch)
axes.set_xlabel("x [Mm]")
axes.set_ylabel("y [Mm]")
figure.colorbar(image, ax=axes, label="Intensity / mean", shrink=0.8)

plt.show()
