"""The Granulation tab: a thin layer of widgets around `~sunpy_restore.studio.state.mosaic.Granulation`."""

import matplotlib
import numpy as np
import panel as pn
from bokeh.events import Tap
from bokeh.models import ColumnDataSource, HoverTool
from matplotlib.colors import to_hex

from sunpy_restore.granulation.task import STITCHINGS
from sunpy_restore.studio.display.view import Layer, TurnedFrame
from sunpy_restore.studio.display.viewer import LinkedFigures
from sunpy_restore.studio.state.mosaic import TILE_METHODS, Granulation
from sunpy_restore.studio.tabs.status import PRIMARY, StatusRow

__all__ = ["MosaicTab"]

_TILES = ("xs", "ys", "fill", "place", "distance")


class MosaicTab:
    """
    Widgets to make, inspect, refine and export granulation of tiles.

    Parameters
    ----------
    model : `~sunpy_restore.studio.state.mosaic.Granulation`
        The state that is shown.
    """

    def __init__(self, model):
        self.model, self._shown, self._stale, self._tiles_text = model, None, False, ""
        self.status = StatusRow(model)
        self._build_choices()
        self._build_tiles()
        self.linked = LinkedFigures(line=False, count=1)
        plot = self.linked.figures[0].figure
        self._quads = ColumnDataSource({name: [] for name in _TILES})
        quads = plot.patches("xs", "ys", source=self._quads, fill_color="fill", fill_alpha=0.15, line_color="#ffcc00")
        # To the left of the pointer, because the value of the pixel is to its right
        plot.add_tools(
            HoverTool(
                renderers=[quads], tooltips=[("tile", "@place"), ("distance", "@distance{0.0000}")], attachment="left",
                point_policy="follow_mouse",
            )
        )  # fmt: skip
        plot.on_event(Tap, self._tapped)
        self.panel = pn.Row(
            pn.Column(
                "### Tiles", self.method, pn.Row(self.count, self.seed), pn.Row(self.make_pool, self.device),
                pn.Row(self.pool_file, self.load_pool), self.pool_text,
                "### Image", pn.Row(self.ny, self.nx), pn.Row(self.overlap, self.stitching),
                pn.Row(self.make, self.status.cancel), self.status.progress, width=360,
            ),
            pn.Column(
                self.status.messages, pn.Row(self.angle, self.borders), pn.pane.Bokeh(plot),
            ),
            pn.Column(
                "### Quality", pn.Row(self.worst, self.select), self.selected, pn.Row(self.refine, self.replace),
                "### Evolutionary search", pn.Row(self.population, self.generations),
                pn.Row(self.mutation, self.goal), "### Export", pn.Row(self.name, self.write), self.written, width=330,
            ),
        )  # fmt: skip

    def _build_choices(self):
        number = {"width": 140, "start": 1}
        self.method = pn.widgets.Select(name="Generator", options=list(TILE_METHODS), width=140)
        self.count = pn.widgets.IntInput(name="Tiles in the pool", value=160, **number)
        self.seed = pn.widgets.IntInput(name="Seed", value=1, start=0, width=140)
        self.device = pn.widgets.Select(name="Device", options=["automatic", "cpu", "cuda", "mps"], width=140)
        self.make_pool = pn.widgets.Button(name="Make tiles", align="end", width=140)
        self.pool_file = pn.widgets.TextInput(name="Pool in the chosen folders", placeholder="tiles.npz", width=200)
        self.load_pool = pn.widgets.Button(name="Load", align="end")
        self.pool_text = pn.pane.Markdown("No tiles yet.")
        self.ny = pn.widgets.IntInput(name="Rows [pixels]", value=416, **number)
        self.nx = pn.widgets.IntInput(name="Columns [pixels]", value=416, **number)
        self.overlap = pn.widgets.Select(name="Overlap [pixels]", options=[10, 15, 16, 20, 32], value=32, width=140)
        self.stitching = pn.widgets.Select(name="Stitching", options=list(STITCHINGS), width=140)
        self.make = pn.widgets.Button(name="Make image", stylesheets=[PRIMARY])
        self.make_pool.on_click(self._make_pool)
        self.load_pool.on_click(self._load_pool)
        self.make.on_click(self._make)

    def _build_tiles(self):
        number = {"width": 140, "start": 1}
        self.angle = pn.widgets.FloatSlider(name="Rotation [deg]", start=-180, end=180, step=1, value=0, width=250)
        self.borders = pn.widgets.Checkbox(name="tile borders and quality", value=True, align="end")
        self.worst = pn.widgets.IntInput(name="Number of worst tiles", value=3, **number)
        self.select = pn.widgets.Button(name="Select the worst", align="end")
        self.selected = pn.widgets.TextInput(name="Tiles: row,column; ... (or tap)", placeholder="0,1; 2,3")
        self.refine = pn.widgets.Button(name="Refine tiles")
        self.replace = pn.widgets.Button(name="Replace tiles")
        self.population = pn.widgets.IntInput(name="Population", value=50, start=10, width=140)
        self.generations = pn.widgets.IntInput(name="Generations", value=20, start=0, width=140)
        self.mutation = pn.widgets.FloatInput(name="Mutation rate", value=0.1, start=0, end=1, step=0.05, width=140)
        self.goal = pn.widgets.FloatInput(name="Goal (distance)", value=0, start=0, step=0.001, width=140)
        self.name = pn.widgets.TextInput(name="New .fits, .zarr, .tif or .png", value="granulation.fits", width=200)
        self.write = pn.widgets.Button(name="Write at full size", align="end")
        self.written = pn.pane.HTML("")
        self.select.on_click(lambda _: self._select(self.model.worst(self.worst.value)))
        self.refine.on_click(lambda _: self._refine(replace=False))
        self.replace.on_click(lambda _: self._refine(replace=True))
        self.write.on_click(self._write)
        for widget in (self.angle, self.borders):
            widget.param.watch(self._touched, "value")

    @property
    def _genetic(self):
        return {
            "population": self.population.value, "generations": self.generations.value,
            "mutation_rate": self.mutation.value, "goal": self.goal.value,
        }  # fmt: skip

    @property
    def _device(self):
        return None if self.device.value == "automatic" else self.device.value

    def _touched(self, *_):
        self._stale = True

    def _make_pool(self, _):
        self.status.clear()
        self.model.make_pool(self.method.value, self.count.value, self.seed.value, device=self._device)

    def _load_pool(self, _):
        self.model.load_pool(self.pool_file.value, self.method.value)
        self._stale = True

    def _make(self, _):
        self.status.clear()
        self.model.make(
            (self.ny.value, self.nx.value), overlap=self.overlap.value, stitching=self.stitching.value,
            seed=self.seed.value, device=self._device, genetic=self._genetic,
        )  # fmt: skip

    def _select(self, positions):
        self.selected.value = "; ".join(f"{row},{column}" for row, column in positions)

    def _refine(self, *, replace):
        self.status.clear()
        try:
            positions = Granulation.read_tiles(self.selected.value)
        except ValueError as error:
            self.model.messages.append(("error", str(error)))
            return
        self.model.refine(positions, replace=replace, genetic=self._genetic)

    def _write(self, _):
        self.status.clear()
        self.written.object = ""
        self.model.export(self.name.value, self._exported)

    def _exported(self, path):
        self.written.object = f"Written: {path.rsplit('/', 1)[-1]}"

    def _frame(self):
        return TurnedFrame(self.model.image.shape, self.model.mosaic["pixel"], self.angle.value)

    def _tapped(self, event):
        if self.model.mosaic is None or event.x is None:
            return
        place = self.model.tile_at(*map(float, self._frame().to_pixel(event.x, event.y)))
        if place is not None:
            self._select([place])

    def tick(self):
        """Take up what happened and draw; called a few times per second."""
        self.status.update()
        changed = self.model.poll()
        if changed or self._stale:
            self._stale = False
            pool = self.model.pool
            if pool is not None:
                count = "" if pool["count"] is None else f"{pool['count']} tiles of "
                self.pool_text.object = f"{count}{pool['method']}: {pool['path'].rsplit('/', 1)[-1]}"
            self.refresh()
        elif self.linked.moved:
            self.refresh()

    def refresh(self):
        """Draw the view."""
        if self.model.mosaic is None:
            return
        frame = self._frame()
        if self._shown is None or self._shown.data is not self.model.image:
            if self._shown is None or self._shown.data.shape != self.model.image.shape:
                self.linked.reset(frame.limits)
            self._shown = Layer("granulation", self.model.image, frame, "relative intensity")
        self._shown.frame = frame
        self.linked.draw([self._shown], [self._shown.stretch()])
        self._draw_tiles(frame)

    def _draw_tiles(self, frame):
        if not self.borders.value:
            self._quads.data = {name: [] for name in _TILES}
            return
        layout, distances = self.model.layout, np.array(self.model.mosaic["distances"])
        scaled = (distances - distances.min()) / (np.ptp(distances) or 1)
        colours = matplotlib.colormaps["RdYlGn_r"](scaled)
        # Each tile up to the middle of its overlaps
        edges = [
            np.clip(np.arange(count + 1) * layout.step + layout.overlap / 2, None, length)
            for count, length in zip(layout.grid, layout.shape, strict=True)
        ]
        columns = {name: [] for name in _TILES}
        for row, column in np.ndindex(layout.grid):
            top, bottom = (0 if not row else edges[0][row]), edges[0][row + 1]
            left, right = (0 if not column else edges[1][column]), edges[1][column + 1]
            x, y = frame.to_world(
                np.array([left, right, right, left]) - 0.5, np.array([top, top, bottom, bottom]) - 0.5
            )
            columns["xs"].append(x.tolist())
            columns["ys"].append(y.tolist())
            columns["fill"].append(to_hex(colours[row, column]))
            columns["place"].append(f"{row},{column}")
            columns["distance"].append(float(distances[row, column]))
        self._quads.data = columns
