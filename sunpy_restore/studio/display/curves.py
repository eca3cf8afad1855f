"""Figures of the profile and the power spectrum of layers."""

import numpy as np
from bokeh.models import (
    ColumnDataSource,
    DataRange1d,
    Legend,
    LegendItem,
    LinearAxis,
    LinearScale,
    LogAxis,
    LogScale,
)
from bokeh.plotting import figure

from sunpy_restore.studio.display import compare

__all__ = ["Curves"]

_COLOURS = ("#1f77b4", "#d62728")
_SECOND = "second"


class Curves:
    """
    A figure of the values along a line and one of the power spectrum of the view.

    Attributes
    ----------
    figures : `tuple` of `~bokeh.plotting.figure`
        Profile and power spectrum.
    """

    def __init__(self):
        profile, self._draw_profile = _line_figure("Profile along the line")
        power, self._draw_power = _line_figure("Power spectrum of the view", x_axis_type="log", y_axis_type="log")
        self.figures = (profile, power)

    def draw(self, layers, view, line=None):
        """
        Draw the curves.

        Parameters
        ----------
        layers : `list` of `~sunpy_restore.studio.display.view.Layer`
            One or two.
        view : `~sunpy_restore.studio.display.view.View`
            The part whose power spectrum is drawn.
        line : pair of `list` of `float`, optional
            World coordinates ``xs, ys`` of the corners of the line; by default it crosses the middle of the first
            layer.
        """
        frame = layers[0].frame
        if line is None:
            left, right, bottom, top = frame.limits
            line = ([left, right], [(bottom + top) / 2] * 2)
        profile, power = self.figures
        profile.xaxis.axis_label, power.xaxis.axis_label = f"distance [{frame.unit}]", f"frequency [1/{frame.unit}]"
        names, units = [layer.name for layer in layers], [layer.unit for layer in layers]
        self._draw_profile(
            [compare.profile(layer, *line) for layer in layers], names,
            [f"value [{unit}]" if unit else "value" for unit in units],
        )  # fmt: skip
        self._draw_power(
            [compare.power_spectrum(layer, view) for layer in layers], names,
            [f"power [({unit})² {frame.unit}²]" if unit else "power" for unit in units],
        )  # fmt: skip


def _line_figure(title, **options):
    """A figure of at most two curves, and ``draw(curves, names, labels)`` with the label of the axis of each."""
    plot = figure(title=title, width=560, height=300, tools="pan,wheel_zoom,box_zoom,reset,save", **options)
    logarithmic = options.get("y_axis_type") == "log"
    plot.extra_y_ranges = {_SECOND: DataRange1d()}
    plot.extra_y_scales = {_SECOND: LogScale() if logarithmic else LinearScale()}
    axis = (LogAxis if logarithmic else LinearAxis)(y_range_name=_SECOND, visible=False)
    plot.add_layout(axis, "right")
    # The second curve is drawn on the first axis if the units agree, and else on an axis of its own
    places = ((_COLOURS[0], "default"), (_COLOURS[1], "default"), (_COLOURS[1], _SECOND))
    sources = [ColumnDataSource({"x": [], "y": []}) for _ in places]
    lines = [
        plot.line("x", "y", source=source, color=colour, line_width=1.5, y_range_name=name)
        for source, (colour, name) in zip(sources, places, strict=True)
    ]
    plot.y_range.renderers, plot.extra_y_ranges[_SECOND].renderers = lines[:2], lines[2:]
    # Outside of the frame, where it covers no curve
    legend = Legend(items=[], orientation="horizontal", border_line_color=None, padding=0, margin=2,
                    label_text_font_size="11px")  # fmt: skip
    plot.add_layout(legend, "above")

    def draw(curves, names, labels):
        own = len(set(labels)) > 1
        shown = [0, 2 if own else 1][: len(curves)]
        drawn = dict(zip(shown, curves, strict=True))
        for number, source in enumerate(sources):
            x, y = drawn.get(number, ((), ()))
            source.data = {"x": np.asarray(x, dtype=float), "y": np.asarray(y, dtype=float)}
        plot.yaxis[0].axis_label, axis.axis_label, axis.visible = labels[0], labels[-1], own
        for part, colour in ((plot.yaxis[0], _COLOURS[0]), (axis, _COLOURS[1])):
            part.axis_label_text_color = part.major_label_text_color = colour if own else "#444444"
        legend.items = [
            LegendItem(label=name, renderers=[lines[number]]) for number, name in zip(shown, names, strict=True)
        ]

    return plot, draw
