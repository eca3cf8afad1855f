"""
Draw the diagrams of the documentation: the flow of the data, and the method of each function.

    python tools/make_diagrams.py docs/images/diagrams

One SVG file each. Text is white on boxes of their own colour or mid-grey, so that it is legible on a light and on a
dark page.
"""

import argparse
from itertools import pairwise
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch
from svgfile import save_svg

COLOURS = {
    "Map or image": "#2f6fab",
    "numerical step": "#6a6f78",
    "physics of the instrument": "#2c7a4b",
    "network": "#7d4aa8",
    "classical method": "#a85a16",
}
"""Colour of each kind of box; white text has a contrast of at least 4.5 on all of them."""

GREY = "#767b85"
"""Contrast of 4.3 on white and on the dark background of the theme."""

STEP, LEVEL = 2.3, 1.4  # distance of columns and rows, in inches
BOX_WIDTH, BOX_HEIGHT = 1.95, 1.0


class Diagram:
    """
    Boxes on a grid, with arrows between them.

    Parameters
    ----------
    columns, rows : `float`
        Size of the grid. Row 0 is at the top.
    """

    def __init__(self, columns, rows):
        width, height = columns * STEP, rows * LEVEL + 0.45
        self.figure = Figure(figsize=(width, height))
        self.axes = self.figure.add_axes([0, 0, 1, 1])
        self.axes.set(xlim=(-STEP / 2, width - STEP / 2), ylim=(LEVEL / 2 - height, LEVEL / 2))
        self.axes.axis("off")
        self.kinds = []

    def box(self, column, row, kind, text):
        """Draw a box, and return it for `arrow`."""
        x, y = column * STEP, -row * LEVEL
        left, bottom = x - BOX_WIDTH / 2, y - BOX_HEIGHT / 2
        style = "round,pad=0,rounding_size=0.12"
        colour = COLOURS[kind]
        patch = FancyBboxPatch(
            (left, bottom), BOX_WIDTH, BOX_HEIGHT, boxstyle=style, facecolor=colour, edgecolor="none"
        )
        self.axes.add_patch(patch)
        self.axes.text(x, y, text, color="white", ha="center", va="center", fontsize=11, linespacing=1.2)
        if kind not in self.kinds:
            self.kinds.append(kind)
        return patch

    def arrow(self, start, end):
        """Draw an arrow from one box to another one."""
        points = [(box.get_x() + BOX_WIDTH / 2, box.get_y() + BOX_HEIGHT / 2) for box in (start, end)]
        options = {"arrowstyle": "-|>", "mutation_scale": 14, "linewidth": 1.7, "color": GREY}
        self.axes.add_patch(
            FancyArrowPatch(*points, patchA=start, patchB=end, shrinkA=3, shrinkB=3, zorder=0, **options)
        )

    def chain(self, *boxes):
        """Draw arrows from each box to the next one."""
        for start, end in pairwise(boxes):
            self.arrow(start, end)

    def save(self, path):
        """Add the legend, and write the file."""
        handles = [Patch(facecolor=colour, label=kind) for kind, colour in COLOURS.items() if kind in self.kinds]
        options = {"frameon": False, "labelcolor": GREY, "fontsize": 11, "handlelength": 1.2}
        self.axes.legend(handles=handles, loc="lower center", ncols=len(handles), **options)
        save_svg(self.figure, path, transparent=True, metadata={"Creator": None})


def data_flow():
    """Map -> observation -> restored arrays -> Map."""
    diagram = Diagram(5, 3)
    observed = diagram.box(0, 1, "Map or image", "Map, sequence\nor NDCube")
    observation = diagram.box(1, 1, "numerical step", "observation:\nchecked arrays,\ndamaged pixels")
    network = diagram.box(2, 1, "network", "network and its\nweights, checked\nby SHA-256")
    classical = diagram.box(2, 0, "classical method", "or a classical\nmethod")
    consistent = diagram.box(3, 1, "physics of the instrument", "consistency with\nthe observation")
    restored = diagram.box(4, 1, "Map or image", "Map, sequence\nor NDCube")
    header = diagram.box(1, 2, "numerical step", "header, WCS and\nplot settings")
    added = diagram.box(3, 2, "numerical step", "WCS of the new\npixels, provenance,\nfilled pixels, mask")
    report = diagram.box(4, 0, "physics of the instrument", "report: degraded\nagain, it must\nagree")
    diagram.chain(observed, observation, network, consistent, restored, report)
    diagram.chain(observation, classical, consistent)
    diagram.chain(observed, header, added, restored)
    return diagram


def enhance():
    """Deconvolution and upsampling of an HMI image in two steps."""
    diagram = Diagram(5, 2)
    image = diagram.box(0, 0, "Map or image", "HMI image")
    scaled = diagram.box(1, 0, "numerical step", "in units of the\nquiet Sun, or in kG;\nno outliers")
    wiener = diagram.box(2, 0, "physics of the instrument", "Wiener filter for\nPSF and pixels,\ntwice the sampling")
    network = diagram.box(2, 1, "network", "residual network:\ncorrection")
    first = diagram.box(3, 0, "numerical step", "sum: first\nenhanced image")
    consistent = diagram.box(4, 0, "physics of the instrument", "degraded again and\ncorrected by the\ndifference")
    result = diagram.box(4, 1, "Map or image", "enhanced image")
    diagram.chain(image, scaled, wiener, first, consistent, result)
    diagram.arrow(scaled, network)
    diagram.arrow(wiener, network)
    diagram.arrow(network, first)
    return diagram


def desaturate():
    """The first fill of a saturated core and its correction by charge and fringes."""
    diagram = Diagram(5, 3)
    image = diagram.box(0, 1, "Map or image", "AIA image")
    found = diagram.box(1, 1, "numerical step", "full well, saturated\nand bloomed pixels,\nmargin of 2 pixels")
    network = diagram.box(2, 0, "network", "first fill by\na network")
    classical = diagram.box(2, 2, "classical method", "or a smooth fill")
    core = diagram.box(3, 1, "numerical step", "logarithm of the\ncore is changed\nuntil both agree")
    fringes = diagram.box(3, 0, "physics of the instrument", "diffraction fringes:\npredicted =\nobserved")
    charge = diagram.box(3, 2, "physics of the instrument", "charge in bloomed\ncolumns: filled =\nobserved")
    result = diagram.box(4, 1, "Map or image", "desaturated image:\nonly masked pixels\nare changed")
    diagram.chain(image, found, network, core, result)
    diagram.arrow(found, classical)
    diagram.arrow(classical, core)
    diagram.arrow(fringes, core)
    diagram.arrow(charge, core)
    return diagram


def inpaint():
    """The first fills of a missing block and what the network makes of them."""
    diagram = Diagram(5, 3)
    image = diagram.box(0, 0, "Map or image", "LASCO image with\nmissing blocks")
    background = diagram.box(
        1, 0, "physics of the instrument", "minus radial profile\nx flat field, in\nunits of the noise"
    )
    polar = diagram.box(2, 0, "numerical step", "log-polar grid\naround the Sun")
    neighbours = diagram.box(0, 1, "Map or image", "frames before and\nafter (optional)")
    diffusion = diagram.box(3, 0, "classical method", "edge-enhancing\ndiffusion along\nstreamers, fronts")
    harmonic = diagram.box(3, 1, "classical method", "7 fills: harmonic,\nbiharmonic, along\ncircles and rays")
    network = diagram.box(4, 0, "network", "weight of each fill\nand correction")
    blend = diagram.box(4, 1, "numerical step", "weighted by errors\nin a trial hole")
    result = diagram.box(4, 2, "Map or image", "inpainted image:\nonly blocks are\nfilled")
    diagram.chain(image, background, polar, diffusion, network, blend, result)
    diagram.arrow(polar, harmonic)
    diagram.arrow(harmonic, network)
    diagram.arrow(harmonic, blend)
    registered = diagram.box(1, 1, "numerical step", "registered, stars\nremoved, brightness\nmatched")
    diagram.chain(neighbours, registered)
    diagram.arrow(registered, polar)
    return diagram


def backproj_to_clean():
    """The unrolled network for STIX and its blend with classical images."""
    diagram = Diagram(5, 3)
    image = diagram.box(0, 0, "Map or image", "back-projection")
    visibilities = diagram.box(1, 0, "physics of the instrument", "24 visibilities by\nleast squares")
    dirty = diagram.box(2, 0, "physics of the instrument", "back-projection\nof each sub-\ncollimator")
    first = diagram.box(3, 0, "network", "U-Net 1:\nfirst image")
    residual = diagram.box(4, 0, "physics of the instrument", "residual of each\nsub-collimator")
    second = diagram.box(4, 1, "network", "U-Net 2: corrects\nthe first image")
    classical = diagram.box(1, 1, "classical method", "maximum entropy,\nforward fit")
    blend = diagram.box(3, 1, "network", "U-Net 3: weights\nand a correction")
    fit = diagram.box(3, 2, "physics of the instrument", "fit to measured\nvisibilities, if\nthey are given")
    result = diagram.box(4, 2, "Map or image", "image with a beam\nof 14.6 arcsec")
    diagram.chain(image, visibilities, dirty, first, residual, second, blend, fit, result)
    diagram.chain(visibilities, classical, blend)
    return diagram


def synthesize_granulation():
    """The generator without tiles, and the mosaic of tiles."""
    diagram = Diagram(5, 2)
    noise = diagram.box(0, 0, "numerical step", "noise, one value\nper 8 x 8 pixels")
    generator = diagram.box(1, 0, "network", "convolutional\ngenerator,\nany size")
    vectors = diagram.box(0, 1, "numerical step", "random vectors,\n10 for each tile")
    tiles = diagram.box(1, 1, "network", "GAN or VAE:\ntiles of 128 x 128\npixels")
    stitched = diagram.box(2, 1, "numerical step", "matching tiles,\nstitched over\n32 pixels")
    calibration = diagram.box(3, 0, "numerical step", "power spectrum and\nhistogram of the\nsimulation")
    curve = diagram.box(3, 1, "numerical step", "histogram of the\nsimulation")
    result = diagram.box(4, 0, "Map or image", "synthetic image")
    diagram.chain(noise, generator, calibration, result)
    diagram.chain(vectors, tiles, stitched, curve, result)
    return diagram


DIAGRAMS = (data_flow, enhance, desaturate, inpaint, backproj_to_clean, synthesize_granulation)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of the SVG files")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for draw in DIAGRAMS:
        draw().save(folder / f"{draw.__name__}.svg")


if __name__ == "__main__":
    main()
