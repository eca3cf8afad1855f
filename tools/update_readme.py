"""
Write the table of scores in README.md from the metadata of the weights.

    python tools/update_readme.py

The table stands between two HTML comments. ``tests/test_readme.py`` fails where it is not the one that this script
writes. The scores are those that ``sunpy-restore evaluate TASK --data DIR`` prints; all of them are in the model cards.
"""

from math import sqrt
from pathlib import Path

from sunpy_restore.core.weights.store import default_for, locate, read_metadata

README = Path(__file__).parents[1] / "README.md"
BEGIN = "<!-- begin table of scores: written by tools/update_readme.py -->"
END = "<!-- end table of scores -->"

HEADS = ("Function", "Test images", "Error", "Network", "Best classical method")
NAMES = {
    "richardson-lucy": "Richardson-Lucy",
    "wiener": "Wiener filter",
    "diffraction": "inverse diffraction",
    "clean": "CLEAN",
    "mem": "maximum entropy",
    "forward-fit": "forward fit",
    "spectrum": "random field",
}
"""Names of classical methods for readers."""


def scores(task):
    """Scores of a task's default weights, by source of the images and method."""
    return read_metadata(locate(default_for(task)))["scores"]


def best(rows, score, networks=("network",)):
    """Smallest score of a classical method, and the name of the method."""
    method = min((name for name in rows if name not in (*networks, "physics")), key=lambda name: rows[name][score])
    return rows[method][score], NAMES.get(method, method)


def enhancement(task, source):
    """Network and best classical method: root of the mean squared error over the variance of the truth, in percent."""
    rows = scores(task)[source]
    classical, method = best(rows, "nmse")
    return f"{100 * sqrt(rows['network']['nmse']):.1f}", f"{100 * sqrt(classical):.1f} ({method})"


def desaturation():
    """Median error of the light that saturation hid, in percent."""
    rows, score = scores("desaturate")["injected flares"], "median_hidden_flux_error"
    classical, method = best(rows, score, networks=("network", "network+diffraction"))
    corrected, alone = (100 * rows[name][score] for name in ("network+diffraction", "network"))
    return f"{corrected:.0f} ({alone:.0f} without the diffraction correction)", f"{100 * classical:.0f} ({method})"


def inpainting():
    """Mean ratio of the median error to that of the best classical method for each kind of hole, in percent."""
    ratios = []
    for rows in scores("inpaint").values():
        classical, _ = best(rows, "median_hole_error")
        ratios.append(100 * rows["network"]["median_hole_error"] / classical)
    mean = sum(ratios) / len(ratios)
    network = f"{mean:.0f} ({min(ratios):.0f} to {max(ratios):.0f} over {len(ratios)} kinds of hole)"
    return network, "100 (harmonic, biharmonic, radial or fuzzy, the best for each kind)"


def backprojection():
    """Mean error over all kinds of scene and noise, in percent."""
    kinds, score = scores("backproj").values(), "scaled_error"
    methods = [name for name in next(iter(kinds)) if name != "network"]
    means = {name: sum(rows[name][score] for rows in kinds) / len(kinds) for name in ("network", *methods)}
    method = min(methods, key=means.get)
    others = ", ".join(f"{NAMES[name]} {100 * means[name]:.0f}" for name in ("mem", "clean") if name != method)
    return f"{100 * means['network']:.0f}", f"{100 * means[method]:.0f} ({NAMES[method]}; {others})"


def granulation():
    """Kolmogorov-Smirnov distance of the areas of granules."""
    rows, score = scores("synthesize-convolutional")["MURaM"], "granules_ks"
    classical, method = best(rows, score)
    other = f"MURaM itself, another part: {rows['physics'][score]:.2f}"
    return f"{rows['network'][score]:.2f}", f"{classical:.2f} ({method}; {other})"


def rows():
    """The rows of the table. The numbers of images are those that the evaluation of each task yields."""
    return [
        (
            "`enhance`, continuum",
            "1 strip of MURaM granulation, degraded to HMI",
            "RMS error [% of the standard deviation of the truth]",
            *enhancement("enhance-continuum", "MURaM"),
        ),
        (
            "`enhance`, magnetogram",
            "1 magnetogram modelled on that strip, degraded to HMI",
            "RMS error [% of the standard deviation of the truth]",
            *enhancement("enhance-magnetogram", "MURaM lanes"),
        ),
        (
            "`desaturate`",
            "30 flares simulated in AIA level-1 images, 6 channels",
            "median error of the flux above saturation [% of that flux]",
            *desaturation(),
        ),
        (
            "`inpaint`",
            "352 holes in 7 LASCO C2 and C3 images",
            "median RMS error in the hole [% of that of the best classical method]",
            *inpainting(),
        ),
        (
            "`backproj_to_clean`",
            "560 simulated STIX images, noise 2-20 % of the mean amplitude",
            "mean RMS error of the image at its best scale [% of the RMS of the truth]",
            *backprojection(),
        ),
        (
            "`synthesize_granulation`",
            "3 textures of 1024 x 1024 pixels and 1 strip of MURaM",
            "Kolmogorov-Smirnov distance of the granule areas [0 to 1]",
            *granulation(),
        ),
    ]


def table():
    """The table in Markdown."""
    lines = [HEADS, ["---"] * len(HEADS), *rows()]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def updated(text):
    """The README with its table replaced."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


if __name__ == "__main__":
    README.write_text(updated(README.read_text(encoding="utf-8")), encoding="utf-8")
