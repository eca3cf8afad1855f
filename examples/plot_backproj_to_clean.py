"""
========================================================
Removing the dirty beam from a STIX back-projected image
========================================================

`sunpy_restore.backproj_to_clean` removes the dirty beam from STIX back-projections.
This example processes an observed flare and compares the results with the measured
visibilities. A simulated scene with known ground truth then shows the errors of the
methods.
"""

import matplotlib.pyplot as plt
import numpy as np

import astropy.units as u
from astropy.coordinates import SkyCoord

import sunpy.map

from sunpy_restore import backproj_to_clean
from sunpy_restore.backprojection.fitting.scenes import (
    ellipse,
    image_of,
    joined,
    loop,
    visibilities_of_scene,
)
from sunpy_restore.backprojection.fitting.sourcetable import source_table
from sunpy_restore.backprojection.imaging.agreement import model_visibilities
from sunpy_restore.backprojection.imaging.clean import clean_visibilities
from sunpy_restore.backprojection.recipe.scores import fraction_resolved
from sunpy_restore.backprojection.task import TASK
from sunpy_restore.backprojection.visibilities.fourier import (
    Grid,
    back_projection,
    weights_of,
)
from sunpy_restore.backprojection.visibilities.measured import (
    open_visibilities,
    read_visibilities,
)
from sunpy_restore.core.restoration.methods import load_method
from sunpy_restore.data import sample_path

###############################################################################
# The sample is a flare of 2020-06-07 at 6-10 keV, observed from 0.53 au. The file
# contains the back-projection and the 24 visibilities from which it was made.

dirty = sunpy.map.Map(sample_path("stix_flare"))
visibilities = open_visibilities(sample_path("stix_flare"))
measured = read_visibilities(visibilities)
print(f"{dirty.date.isot}, {dirty.unit}, maximum {dirty.data.max():.2f}")

###############################################################################
# A single call removes the dirty beam. The visibilities with their errors tell all
# methods the noise.

images = {
    "CLEAN": backproj_to_clean(dirty, method="clean", visibilities=visibilities),
    "maximum entropy": backproj_to_clean(
        dirty, method="mem", visibilities=visibilities
    ),
    "forward fit": backproj_to_clean(
        dirty, method="forward-fit", visibilities=visibilities
    ),
    "network": backproj_to_clean(dirty, visibilities=visibilities),
}
beam = 3600 * images["network"].meta["bmaj"]
print(f"beam FWHM {beam:.1f} arcsec, {images['network'].unit}")

###############################################################################
# The forward fit gives the parameters of Gaussian sources with their errors.

sources = source_table(images["forward fit"])
print(sources["flux", "flux_error", "fwhm_major", "fwhm_major_error"])

###############################################################################
# The axes of the Map are those of the instrument, which are rotated by 93 degrees with
# respect to the solar ones. The Maps are therefore rotated for the figures, with solar
# north up. The blue line is the solar limb. The panels show the central 160 arcsec.
# Contours are at 20, 50 and 80 % of the maximum of each panel. The CLEAN image is the
# sum of the components, which have areas proportional to their flux, convolved with the
# beam. All restored images have the same stretch.


def centre(smap):
    """Turn solar north up, and cut out the central 160 arcsec."""
    upright, middle = smap.rotate(order=3, missing=0), smap.center
    corner = SkyCoord(
        middle.Tx - 80 * u.arcsec, middle.Ty - 80 * u.arcsec, frame=middle
    )
    return upright.submap(corner, width=160 * u.arcsec, height=160 * u.arcsec)


def show(axes, smap, title, limits, cmap="inferno"):
    """Plot the centre of a Map with the axes of its own WCS."""
    style = {"cmap": cmap, "norm": None, "vmin": limits[0], "vmax": limits[1]}
    image = centre(smap).plot(axes=axes, title=title, **style)
    for coordinate, letter in zip(axes.coords, "XY", strict=True):
        coordinate.set_major_formatter("s")
        coordinate.set_ticks(number=4)
        coordinate.set_axislabel(f"Solar {letter} [arcsec]")
    axes.coords.grid(color="white", alpha=0.3)
    return image


points, grid = (
    measured.points,
    Grid(dirty.data.shape, (dirty.scale.axis2.value, dirty.scale.axis1.value)),
)
components = clean_visibilities(
    measured.visibilities, points, grid, iterations=1000, errors=measured.errors
).model

figure, panels = plt.subplots(
    2,
    3,
    figsize=(12, 7),
    layout="constrained",
    subplot_kw={"projection": centre(dirty)},
)
dirty_panel, component_panel, *restored_panels = panels.flat
high = dirty.data.max()
image = show(dirty_panel, dirty, "back-projection", (-0.2 * high, high))
figure.colorbar(image, ax=dirty_panel, label=f"{dirty.unit:unicode}", shrink=0.8)
high = max(smap.data.max() for smap in images.values())
show(component_panel, images["CLEAN"], "CLEAN components", (0, high)).set_visible(False)
rows, columns = np.nonzero(components)
component_panel.scatter(
    columns,
    rows,
    transform=component_panel.get_transform(dirty.wcs),
    s=200 * components[rows, columns] / components.max(),
    c="black",
    alpha=0.7,
)
for axes, (name, smap) in zip(restored_panels, images.items(), strict=True):
    image = show(axes, smap, name, (0, high))
unit = images["network"].unit
figure.colorbar(image, ax=restored_panels, label=f"{unit:unicode}", shrink=0.6)
for axes, smap in zip(
    [dirty_panel, *restored_panels], [dirty, *images.values()], strict=True
):
    centre(smap).draw_contours(
        [20, 50, 80] * u.percent, axes=axes, colors="white", linewidths=0.7
    )
    smap.draw_limb(axes=axes, color="tab:blue")

###############################################################################
# The next figure compares the visibilities of these images, after the clean beam is
# removed, with the measured ones. The upper panel shows the amplitudes. The lower panel
# shows the differences in units of the errors. Sub-collimators 10 have the coarsest
# resolution, 179 arcsec, and sub-collimators 3 the finest, 15 arcsec.

order = np.argsort(measured.points.frequency)
place = np.arange(len(order))
figure, (above, below) = plt.subplots(
    2, 1, figsize=(9, 6), layout="constrained", sharex=True
)
above.errorbar(
    place,
    np.abs(measured.visibilities)[order],
    measured.errors[order],
    fmt="ko",
    label="measured",
    markersize=3,
)
below.axhspan(-1, 1, color="0.9")
for shift, (name, smap) in zip((-0.3, -0.1, 0.1, 0.3), images.items(), strict=True):
    predicted = model_visibilities(smap.data, measured.points, grid)
    residual = (predicted - measured.visibilities) / measured.errors
    chi_squared = np.mean(np.abs(residual) ** 2) / 2
    (line,) = above.plot(
        place,
        np.abs(predicted)[order],
        label=f"{name}, reduced $\\chi^2$ = {chi_squared:.2f}",
    )
    below.plot(
        place + shift, residual.real[order], "o", markersize=3, color=line.get_color()
    )
    below.plot(
        place + shift, residual.imag[order], "x", markersize=4, color=line.get_color()
    )
above.set_ylabel(f"Amplitude [{dirty.unit:unicode}]")
above.legend()
below.set_ylabel("(Image - measured) / error\nreal (o), imaginary (x)")
below.set_ylim(-6, 6)
below.set_xticks(
    place, [measured.points.labels[index] for index in order], fontsize="small"
)
below.set_xlabel("Sub-collimator")

###############################################################################
# The simulated scene consists of a loop with a bright top and two footpoints, observed
# with noise of 5 % of the largest amplitude. The truth is the scene convolved with the
# clean beam. The lower panels show the differences from the truth, with the RMS error
# at the best-fitting scale and the error of the total flux, and the simulated
# back-projection.

scene = joined(
    [
        loop(1.0, 0.0, 0.0, 90.0, 8.0, 0.5, 2.5),
        ellipse(0.5, -6.0, 11.0, 10.0, 10.0, 0.0),
        ellipse(0.35, -32.0, -30.0, 6.0, 6.0, 0.0),
        ellipse(0.25, 40.0, 4.0, 6.0, 6.0, 0.0),
    ]
)
rng = np.random.default_rng(5)
exact = visibilities_of_scene(scene, measured.points)
noise = (
    0.05
    * np.abs(exact).max()
    * (rng.standard_normal(24) + 1j * rng.standard_normal(24))
    / np.sqrt(2)
)
simulated = sunpy.map.Map(
    back_projection(exact + noise, measured.points, grid, weights_of(measured.points)),
    dirty.meta,
)
methods = {"CLEAN": "clean", "maximum entropy": "mem", "network": "network"}
results = {
    name: backproj_to_clean(simulated, method=method)
    for name, method in methods.items()
}
area = 2 * np.pi * (14.6 / np.sqrt(8 * np.log(2))) ** 2
truth = sunpy.map.Map(image_of(scene, grid, 14.6) / area, results["network"].meta)

figure, panels = plt.subplots(
    2,
    4,
    figsize=(15, 9),
    layout="constrained",
    subplot_kw={"projection": centre(dirty)},
)
figure.get_layout_engine().set(h_pad=0.25)
high = truth.data.max()
for axes, (name, smap) in zip(
    panels[0], {**results, "truth": truth}.items(), strict=True
):
    sky = show(axes, smap, name, (-0.2 * high, high))
for axes, smap in zip(panels[1], results.values(), strict=False):
    difference = smap.data - truth.data
    best = (smap.data * truth.data).sum() / np.square(smap.data).sum()
    error = np.sqrt(
        np.square(best * smap.data - truth.data).mean() / np.square(truth.data).mean()
    )
    title = f"error {error:.0%}, flux {smap.data.sum() / truth.data.sum() - 1:+.1%}"
    errors = show(
        axes,
        sunpy.map.Map(difference, smap.meta),
        title,
        (-0.5 * high, 0.5 * high),
        "RdBu_r",
    )
high = simulated.data.max()
dirty_image = show(panels[1, 3], simulated, "back-projection", (-0.2 * high, high))
below = {"orientation": "horizontal", "shrink": 0.8}
figure.colorbar(sky, ax=panels[0], label=f"Brightness [{truth.unit:unicode}]", **below)
figure.colorbar(
    errors, ax=panels[1, :3], label=f"Error [{truth.unit:unicode}]", **below
)
figure.colorbar(
    dirty_image, ax=panels[1, 3], label=f"{simulated.unit:unicode}", **below
)

###############################################################################
# The last figure shows how often two sources are detected as a function of their
# separation. The fainter source has 0.3 to 1 times the flux of the brighter one. A
# scene counts if the image has a maximum within 8 arcsec of each source, and no other
# maximum above 15 % of the brightest.

separations = (14, 18, 20, 22, 26, 35)
figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
colours = {"network": "tab:blue", "maximum entropy": "tab:green", "CLEAN": "tab:red"}
for name, colour in colours.items():
    method = load_method(TASK, methods[name])
    for level, style in ((0.05, "-"), (0.2, ":")):
        resolved = [
            100 * fraction_resolved(method, separation, level=level, count=10)
            for separation in separations
        ]
        axes.plot(
            separations,
            resolved,
            style,
            color=colour,
            label=f"{name}, noise {level:.0%}",
        )
axes.axvline(14.6, color="0.8", zorder=0)
axes.set_xlabel("Separation [arcsec]; grey: beam FWHM")
axes.set_ylabel("Both sources detected, and no others [%]")
axes.legend(fontsize="small")

plt.show()
