"""
Draw the overview figure of the README: the five functions on the samples, before and after.

    python tools/make_figure.py docs/images/overview.png

Both panels of a pair share one stretch and one colour bar. Solar north is up. Nothing but the samples is used.
"""

import argparse
import warnings
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

import sunpy.map

from sunpy_restore import backproj_to_clean, desaturate, enhance, inpaint, synthesize_granulation
from sunpy_restore.data import sample_path

DOTS_PER_INCH = 160
WIDTH, HEIGHT = 10.0, 4.9  # inches
LABEL = {"facecolor": "black", "alpha": 0.6, "edgecolor": "none", "pad": 2}

LOST_BLOCKS = (
    (608, 416, 64, 64),
    (576, 544, 32, 64),
    (512, 608, 64, 64),
    (640, 608, 32, 32),
    (416, 544, 32, 32),
    (544, 352, 64, 32),
)
"""Row, column, height and width of the blocks taken out of the LASCO sample, on the telemetry grid of 32 pixels."""
LASCO_FIELD = np.s_[392:752, 340:700]


def sample(name):
    """The Map of a sample."""
    return sunpy.map.Map(sample_path(name))


def hmi():
    """HMI continuum of a sunspot."""
    spot = sample("hmi_continuum_spot")
    sharp = enhance(spot)
    quiet = np.median(spot.data)
    field = [slice(16, 112), slice(16, 112)]
    fine = [slice(2 * part.start, 2 * part.stop) for part in field]
    return {
        "function": "enhance",
        "instrument": "SDO/HMI continuum",
        "names": ("observed", "enhanced"),
        "images": (spot.data[tuple(field)] / quiet, sharp.data[tuple(fine)] / quiet),
        "norm": Normalize(0.1, 1.25),
        "cmap": "gray",
        "unit": "intensity / quiet Sun",
        "side": 96 * spot.scale.axis1.to_value("arcsec / pix"),
        "bar": (10, "10 arcsec"),
    }


def aia():
    """The saturated core of a flare."""
    observed = sample("aia_193_flare")
    restored = desaturate(observed)
    field = np.s_[60:160, 20:120]
    return {
        "function": "desaturate",
        "instrument": "SDO/AIA 193 Å",
        "names": ("saturated", "desaturated"),
        "images": (observed.data[field], restored.data[field]),
        "norm": LogNorm(800, restored.data.max()),
        "cmap": observed.cmap,
        "unit": "intensity [DN]",
        "ticks": {1000: "1000", 3000: "3000", 10000: "10 000", 30000: "30 000"},
        "side": 100 * observed.scale.axis1.to_value("arcsec / pix"),
        "bar": (20, "20 arcsec"),
    }


def lasco():
    """
    A mass ejection in C3 from which blocks were taken out, relative to the median brightness at each distance.

    No block touches the planet south-west of the occulter, whose bloomed charge would be continued into it.
    """
    whole = sample("lasco_c3_cme")
    lost = np.zeros(whole.data.shape, dtype=bool)
    for row, column, height, width in LOST_BLOCKS:
        lost[row : row + height, column : column + width] = True
    data = np.where(lost, 0, whole.data)
    restored = inpaint(sunpy.map.Map(data, whole.meta))
    bias = whole.meta["offset"]
    y, x = np.indices(data.shape)
    distance = np.hypot(x - whole.meta["crpix1"] + 1, y - whole.meta["crpix2"] + 1)
    # One profile for both panels, that of the whole frame
    rings = np.arange(0, distance.max(), 4)
    ring = np.digitize(distance, rings) - 1
    known = whole.data > 0
    medians = [np.median(whole.data[known & (ring == n)]) for n in range(len(rings))]
    profile = np.interp(distance, rings + 2, medians) - bias
    before, after = (np.where(image > 0, (image - bias) / profile, np.nan) for image in (data, restored.data))
    return {
        "function": "inpaint",
        "instrument": "SOHO/LASCO C3",
        "names": ("blocks removed (blue)", "filled"),
        "images": (before[LASCO_FIELD], after[LASCO_FIELD]),
        "norm": Normalize(0.4, 1.8),
        "cmap": "gray",
        "bad": "tab:blue",
        "interpolation": "hanning",  # the panel has fewer pixels than the field
        "unit": "brightness / radial median",
        "side": 360 * whole.scale.axis1.to_value("arcsec / pix"),
        "outline": lost[LASCO_FIELD],
        "bar": (5 * whole.rsun_obs.to_value("arcsec"), "5 solar radii"),
    }


def stix():
    """A flare in X-rays, turned to solar north."""
    dirty = sample("stix_flare")
    images = []
    for smap in (dirty, backproj_to_clean(dirty)):
        turned = smap.rotate(order=3, missing=np.nan)
        middle = [length // 2 for length in turned.data.shape]
        part = turned.data[middle[0] - 58 : middle[0] + 58, middle[1] - 58 : middle[1] + 58]
        images.append(part / np.nanmax(part))
    return {
        "function": "backproj_to_clean",
        "instrument": "Solar Orbiter/STIX 6–10 keV",
        "names": ("back-projection", "restored"),
        "images": images,
        "norm": Normalize(0, 1),
        "cmap": "inferno",
        "unit": "brightness / maximum",
        "side": 116 * dirty.scale.axis1.to_value("arcsec / pix"),
        "bar": (50, "50 arcsec"),
    }


def granulation():
    """A random field with the power spectrum of granulation, and the texture of the generator."""
    shape = (170, 170)
    field, texture = (synthesize_granulation(shape, method=method, seed=1) for method in ("spectrum", "convolutional"))
    side = shape[0] * texture.scale.axis1.to_value("rad / pix") * texture.dsun.to_value("Mm")
    return {
        "function": "synthesize_granulation",
        "instrument": "synthetic quiet Sun",
        "names": ("random field, same power", "generated"),
        "images": (field.data, texture.data),
        "norm": Normalize(0.6, 1.5),
        "cmap": "gray",
        "unit": "intensity / mean",
        "side": side,
        "bar": (2, "2 Mm"),
    }


def draw(pairs):
    """The figure of all pairs, one column each."""
    figure = Figure(figsize=(WIDTH, HEIGHT))
    gap = 0.06
    side = (WIDTH - gap * (len(pairs) + 1)) / len(pairs)
    low = 0.56  # below the panels, for the colour bars
    for column, pair in enumerate(pairs):
        left = gap + column * (side + gap)
        panels = [
            figure.add_axes([left / WIDTH, bottom / HEIGHT, side / WIDTH, side / HEIGHT])
            for bottom in (low + side + gap, low)
        ]
        for axes, image, name in zip(panels, pair["images"], pair["names"], strict=True):
            drawn = show(axes, image, pair)
            axes.text(0.03, 0.965, name, transform=axes.transAxes, color="white", fontsize=8, va="top", bbox=LABEL)
        if "outline" in pair:
            panels[1].contour(pair["outline"], [0.5], colors=[pair["bad"]], linewidths=0.8, extent=extent_of(pair))
        scale_bar(panels[1], pair["side"], *pair["bar"])
        panels[0].set_title(pair["instrument"], fontsize=8.5, pad=4)
        middle = (left + side / 2) / WIDTH
        top = (HEIGHT - 0.06) / HEIGHT
        figure.text(middle, top, pair["function"], ha="center", va="top", fontsize=10, family="monospace")
        place = [(left + 0.1) / WIDTH, (low - 0.14) / HEIGHT, (side - 0.2) / WIDTH, 0.08 / HEIGHT]
        bar = figure.add_axes(place)
        figure.colorbar(drawn, cax=bar, orientation="horizontal", extend=beyond(pair))
        if "ticks" in pair:
            bar.set_xticks(list(pair["ticks"]), list(pair["ticks"].values()))
        bar.tick_params(labelsize=7, length=2, pad=1.5)
        bar.set_xlabel(pair["unit"], fontsize=8, labelpad=1.5)
    return figure


def show(axes, image, pair):
    """One panel."""
    cmap = mpl.colormaps[pair["cmap"]] if isinstance(pair["cmap"], str) else pair["cmap"]
    cmap = cmap.with_extremes(bad=pair.get("bad", "black"))
    axes.set(xticks=[], yticks=[])
    options = {"origin": "lower", "extent": extent_of(pair), "interpolation": pair.get("interpolation", "nearest")}
    return axes.imshow(image, cmap=cmap, norm=pair["norm"], **options)


def beyond(pair):
    """Which ends of the colour bar stand for values beyond it."""
    images, norm = [np.asarray(image) for image in pair["images"]], pair["norm"]
    low = min(np.nanmin(image) for image in images) < norm.vmin
    high = max(np.nanmax(image) for image in images) > norm.vmax
    return {(True, True): "both", (True, False): "min", (False, True): "max"}.get((low, high), "neither")


def extent_of(pair):
    """Edges of a panel."""
    return [0, pair["side"], 0, pair["side"]]


def scale_bar(axes, side, length, label):
    """A bar of a length in the lower left corner, in the unit of the side of the panel."""
    left, low = 0.05 * side, 0.06 * side
    axes.plot([left, left + length], [low, low], color="white", linewidth=2.5, solid_capstyle="butt")
    axes.text(left, low + 0.03 * side, label, color="white", fontsize=7.5, va="bottom", bbox=LABEL)
    axes.set(xlim=(0, side), ylim=(0, side))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="PNG file")
    output = parser.parse_args().output
    # The LASCO header of level 0.5 names no observer and no solar radius
    warnings.simplefilter("ignore")
    figure = draw([hmi(), aia(), lasco(), stix(), granulation()])
    figure.savefig(output, dpi=DOTS_PER_INCH, metadata={"Software": None})
    print(f"{output}: {output.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
