"""Bokeh figures of layers with linked ranges in world coordinates."""

import matplotlib
import numpy as np
from bokeh.models import (
    BoxZoomTool,
    ColorBar,
    ColumnDataSource,
    CrosshairTool,
    FixedTicker,
    FreehandDrawTool,
    HoverTool,
    LinearColorMapper,
    Range1d,
    Span,
)
from bokeh.plotting import figure
from matplotlib.colors import to_hex, to_rgb

from sunpy_restore.studio.display.view import View, sample

__all__ = ["OVERLAYS", "SIDE", "ImageFigure", "LinkedFigures", "coloured", "swiped"]

SIDE = 520
"""Side of an image on the screen in pixels."""

OVERLAYS = {"filled": "#00c8ff", "masked": "#ff3b30", "most uncertain tenth": "#ff00ff"}
"""Colours of the marked pixels."""

_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
_PLACE = ("x", "y", "dw", "dh")


def swiped(left, right, percent):
    """
    Join the left part of one image and the right part of another.

    Parameters
    ----------
    left, right : `numpy.ndarray`
        Images of the same shape.
    percent : `float`
        Place of the boundary, from 0 at the left edge to 100.

    Returns
    -------
    `numpy.ndarray`
    """
    column = round(percent / 100 * left.shape[1])
    return np.concatenate([left[:, :column], right[:, column:]], axis=1)


def coloured(layer, view, norm, marks=()):
    """
    Sample a layer and colour it.

    Parameters
    ----------
    layer : `~sunpy_restore.studio.display.view.Layer` or `~sunpy_restore.studio.display.compare.Difference`
        The layer.
    view : `~sunpy_restore.studio.display.view.View`
        The part to draw.
    norm : `~matplotlib.colors.Normalize`
        The stretch.
    marks : iterable of `str`
        Names of the flags to mark.

    Returns
    -------
    image : `numpy.ndarray` of ``uint32``
        Packed colours.
    values : `numpy.ndarray` of ``float32``
        Values of the layer.
    """
    values = layer.sampled(view).astype(np.float32)
    cmap = matplotlib.colormaps[layer.cmap].with_extremes(bad="#8c8c8c")
    image = cmap(np.ma.masked_invalid(norm(np.ma.masked_invalid(values), clip=True)), bytes=True)
    for name in marks:
        if name in layer.flag_levels:
            flags = sample(layer.flag_levels[name], layer.frame, view)
            image[flags, :3] = 0.55 * image[flags, :3] + 0.45 * 255 * np.array(to_rgb(OVERLAYS[name]))
    return np.ascontiguousarray(image).view(np.uint32).reshape(view.shape), values


class ImageFigure:
    """
    A figure of one layer, or of two with a boundary between them.

    Parameters
    ----------
    x_range, y_range : `~bokeh.models.Range1d`
        Ranges, which other figures share.
    line : `~bokeh.models.ColumnDataSource`, optional
        Line that the user draws, with columns ``xs`` and ``ys``.
    """

    def __init__(self, x_range, y_range, line=None):
        self.figure = figure(
            frame_width=SIDE, frame_height=SIDE, x_range=x_range, y_range=y_range, tools="pan,wheel_zoom,reset",
            active_scroll="wheel_zoom", min_border_left=85, toolbar_location="above", background_fill_color="#8c8c8c",
        )  # fmt: skip
        self.figure.grid.visible = False
        self._shown = ColumnDataSource({name: [] for name in ("image", "value", *_PLACE)})
        self._parts = []
        image = self.figure.image_rgba(image="image", source=self._shown, **dict(zip(_PLACE, _PLACE, strict=True)))
        self._edge = Span(location=0, dimension="height", line_color="white", line_width=2, visible=False)
        self.figure.add_layout(self._edge)
        self._mappers = [LinearColorMapper(palette="Greys256", low=0, high=1) for _ in range(2)]
        self._bars = [
            ColorBar(color_mapper=mapper, width=14, ticker=FixedTicker(ticks=list(_TICKS)), title=" ", visible=False)
            for mapper in self._mappers
        ]
        for bar in self._bars:
            self.figure.add_layout(bar, "right")
        self._hover = HoverTool(renderers=[image], tooltips=[], formatters={"@value": "printf"}, attachment="right")
        # The frames and the views are square, so that a pixel is one as well
        self.figure.add_tools(self._hover, CrosshairTool(line_alpha=0.4), BoxZoomTool(match_aspect=True))
        if line is not None:
            drawn = self.figure.multi_line("xs", "ys", source=line, line_width=2, line_color="#ffcc00")
            self.figure.add_tools(FreehandDrawTool(renderers=[drawn], num_objects=1))

    def swipe(self, percent):
        """Move the boundary between two layers to a place from 0 to 100."""
        if len(self._parts) < 2:
            return
        image, value = (swiped(*both, percent) for both in zip(*self._parts, strict=True))
        (left,), (width,) = self._shown.data["x"], self._shown.data["dw"]
        self._shown.data = dict(self._shown.data) | {"image": [image], "value": [value]}
        self._edge.location = left + percent / 100 * width

    def show(self, layers, view, norms, marks=(), percent=None):
        """
        Draw one layer, or two with a boundary.

        Parameters
        ----------
        layers : sequence
            One or two of `~sunpy_restore.studio.display.view.Layer` or
            `~sunpy_restore.studio.display.compare.Difference`.
        view : `~sunpy_restore.studio.display.view.View`
            The part to draw.
        norms : sequence of `~matplotlib.colors.Normalize`
            Their stretches.
        marks : iterable of `str`
            Names of the flags to mark.
        percent : `float`, optional
            Place of the boundary between two layers.
        """
        self._parts = [coloured(layer, view, norm, marks) for layer, norm in zip(layers, norms, strict=True)]
        image, value = self._parts[0]
        self._edge.visible = len(self._parts) > 1
        place = (view.left, view.bottom, view.right - view.left, view.top - view.bottom)
        self._shown.data = {"image": [image], "value": [value]} | {
            name: [one] for name, one in zip(_PLACE, place, strict=True)
        }
        self.swipe(percent)
        self._describe(layers, norms)

    def _describe(self, layers, norms):
        scales = [(layer.cmap, layer.unit, norm.vmin, norm.vmax) for layer, norm in zip(layers, norms, strict=True)]
        for number, (bar, mapper) in enumerate(zip(self._bars, self._mappers, strict=True)):
            bar.visible = number < len(set(scales))
            if bar.visible:
                norm, layer = norms[number], layers[number]
                colours = matplotlib.colormaps[layer.cmap](np.linspace(0, 1, 256))
                mapper.palette = [to_hex(colour) for colour in colours]
                bar.major_label_overrides = {tick: f"{float(norm.inverse(tick)):.4g}" for tick in _TICKS}
                bar.title = layer.unit or "1"
        self.figure.title.text = " | ".join(layer.name for layer in layers)
        frame = layers[0].frame
        for axis, name in zip((self.figure.xaxis, self.figure.yaxis), frame.names, strict=True):
            axis.axis_label = f"{name} [{frame.unit}]"
        self._hover.tooltips = [
            (frame.names[0], f"$x{{0.000}} {frame.unit}"),
            (frame.names[1], f"$y{{0.000}} {frame.unit}"),
            ("value", f"@value{{%.5g}} {layers[0].unit}"),
        ]


class LinkedFigures:
    """
    Two figures with one view.

    Attributes
    ----------
    figures : `tuple` of `ImageFigure`
        The left and the right one.
    line : `~bokeh.models.ColumnDataSource`
        The line that the user has drawn.
    """

    def __init__(self, *, line=True, count=2):
        self._x, self._y = Range1d(0, 1), Range1d(0, 1)
        self.line = ColumnDataSource({"xs": [], "ys": []}) if line else None
        self.figures = tuple(ImageFigure(self._x, self._y, self.line) for _ in range(count))
        self._drawn, self._limits = None, None

    @property
    def view(self):
        """The present view; a part of it may be outside of the image."""
        bounds = (self._x.start, self._x.end, self._y.start, self._y.end)
        return View(*map(float, bounds), (SIDE, SIDE))

    @property
    def moved(self):
        """Whether the user has moved the view since it was drawn."""
        return self._drawn is not None and self.view != self._drawn

    @property
    def ends(self):
        """``xs, ys`` of the ends of the line that the user has drawn, or `None`; what is drawn becomes straight."""
        lines = [(list(xs), list(ys)) for xs, ys in zip(*self.line.data.values(), strict=True) if len(xs) > 1]
        if not lines:
            return None
        xs, ys = ([part[0], part[-1]] for part in lines[-1])
        if (xs, ys) != lines[-1]:
            self.line.data = {"xs": [xs], "ys": [ys]}
        return xs, ys

    def reset(self, limits):
        """Show all of an image with limits ``(left, right, bottom, top)``."""
        view = View.around(limits, SIDE)
        self._limits = limits
        for span, start, end in ((self._x, view.left, view.right), (self._y, view.bottom, view.top)):
            span.update(start=start, end=end, reset_start=start, reset_end=end)

    def keep_or_reset(self, limits):
        """Show all of an image, unless the view shows a part of one with the same limits."""
        if self._limits is None or not np.allclose(limits, self._limits, rtol=1e-3, atol=1e-3):
            self.reset(limits)

    def draw(self, layers, norms, marks=(), percent=None):
        """
        Draw layers.

        Parameters
        ----------
        layers, norms, marks
            See `ImageFigure.show`. Each layer has its own figure unless there is a boundary.
        percent : `float`, optional
            Place of a boundary between two layers in the first figure.
        """
        self._drawn = view = self.view
        if percent is not None:
            self.figures[0].show(layers, view, norms, marks, percent)
            return
        for one, layer, norm in zip(self.figures, layers, norms, strict=False):
            one.show([layer], view, [norm], marks)
