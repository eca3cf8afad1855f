"""The Restore tab: a thin layer of widgets around `~sunpy_restore.studio.state.restoration.Restoration`."""

import html

import panel as pn
from bokeh.events import Reset, Tap

from sunpy_restore.data import SAMPLES, sample_path
from sunpy_restore.studio.display import compare
from sunpy_restore.studio.display.curves import Curves
from sunpy_restore.studio.display.view import Layer
from sunpy_restore.studio.display.viewer import SIDE, LinkedFigures
from sunpy_restore.studio.jobs.export import as_python
from sunpy_restore.studio.state.layers import DIFFERENCE, UNCERTAIN, LayerStore
from sunpy_restore.studio.state.restoration import ORIGINAL
from sunpy_restore.studio.tabs.export_row import ExportRow
from sunpy_restore.studio.tabs.report_view import report_html
from sunpy_restore.studio.tabs.status import PRIMARY, StatusRow

__all__ = ["RestoreTab"]

_MODES = ("swipe", "side by side", "blink")
_BLINK = 4  # periods of `RestoreTab.tick`


class RestoreTab:
    """
    Widgets to open, restore, compare and export images.

    Parameters
    ----------
    model : `~sunpy_restore.studio.state.restoration.Restoration`
        The state that is shown.
    """

    def __init__(self, model):
        self.model, self.layers = model, LayerStore()
        self._ticks, self._changed, self._stale, self._swiped = 0, False, False, 50
        self.status = StatusRow(model)
        self._build_files()
        self._build_choices()
        self._build_view()
        self.export = ExportRow(model, self._exported)
        self.panel = pn.Row(
            pn.Column(
                self.drop, self.listed, self.path, self.sample, self.file, self.player,
                self.function, self.method, self.weights, self.uncertainty, self.options,
                pn.Row(self.run, self.run_all, self.status.cancel),
                self.status.progress, self.export.panel, width=330,
            ),
            pn.Column(self.status.messages, self.view_row, self.place, self.holder, self.swipe, self.readout,
                      self.plots, self.report, self.code),
        )  # fmt: skip
        self._shown_signature = None

    def _build_files(self):
        self.drop = pn.widgets.FileDropper(name="Files", multiple=True, max_file_size="400MB", height=80)
        self.drop.param.watch(self._received, "value")
        self.path = pn.widgets.TextInput(name="Path in the chosen folders", placeholder="image.fits")
        self.path.param.watch(lambda event: event.new and self._open(event.new), "value")
        listed = list(self.model.chosen.listing())
        self.listed = pn.widgets.Select(name="Files in the chosen folders", options=["", *listed])
        self.listed.param.watch(lambda event: event.new and self._open(self.model.chosen.listing()[event.new]), "value")
        self.sample = pn.widgets.Select(name="Sample", options=["", *SAMPLES])
        self.sample.param.watch(lambda event: event.new and self._open(sample_path(event.new), trusted=True), "value")
        self.file = pn.widgets.Select(name="Image", options=[])
        self.file.param.watch(self._selected, "value")
        self.player = pn.widgets.Player(
            name="Movie", start=0, end=1, interval=400, loop_policy="loop", visible=False, width=300, show_value=False
        )
        self.player.param.watch(self._played, "value")

    def _build_choices(self):
        self.function = pn.widgets.Select(name="Function", options=list(self.model.functions))
        self.method = pn.widgets.Select(name="Method", options=[])
        self.weights = pn.widgets.TextInput(
            name="Weights", placeholder="default, a registered name, or a .safetensors file"
        )
        self.uncertainty = pn.widgets.Checkbox(name="with uncertainty")
        self.options = pn.Card(title="Options of the function", collapsed=True, width=310)
        self.run = pn.widgets.Button(name="Restore", stylesheets=[PRIMARY])
        self.run_all = pn.widgets.Button(name="Restore all")
        self.function.param.watch(self._functioned, "value")
        self.run.on_click(lambda _: self._restore(every=False))
        self.run_all.on_click(lambda _: self._restore(every=True))
        self._functioned()

    def _build_view(self):
        self.linked = LinkedFigures()
        self.mode = pn.widgets.RadioButtonGroup(options=list(_MODES), value="swipe")
        self.left = pn.widgets.Select(name="Left", options=[], width=190)
        self.right = pn.widgets.Select(name="Right", options=[], width=190)
        self.marks = pn.widgets.CheckBoxGroup(options=["filled", "masked", UNCERTAIN], inline=True)
        self.cut = pn.widgets.RangeSlider(name="Display range [percentiles]", start=0, end=100, step=0.1,
                                          value=(0.5, 99.8), width=200)  # fmt: skip
        for widget in (self.mode, self.left, self.right, self.marks, self.cut):
            widget.param.watch(self._touched, "value")
        self.swipe = pn.widgets.FloatSlider(
            name="Boundary [%]", start=0, end=100, step=0.2, value=50, width=SIDE, margin=(0, 0, 0, 85), tooltips=False
        )
        self.holder, self._arranged = pn.Row(), None
        self._arrange()
        self.place = pn.pane.HTML("")
        self.readout = pn.pane.HTML("<i>Open a file to begin.</i>", width=900)
        for one in self.linked.figures:
            one.figure.on_event(Tap, self._tapped)
            one.figure.on_event(Reset, self._touched)
        self.linked.line.on_change("data", lambda attr, old, new: self._touched())
        self.curves = Curves()
        self.plots = pn.Row(*map(pn.pane.Bokeh, self.curves.figures), visible=False)
        self.report, self.code = pn.pane.HTML(""), pn.pane.HTML("")
        self.view_row = pn.Row(self.mode, self.left, self.right, pn.Column("Mark pixels", self.marks), self.cut)

    def _arrange(self):
        """Lay the figures out for the mode."""
        if self.mode.value == self._arranged:
            return
        self._arranged = self.mode.value
        count = 2 if self._arranged == "side by side" else 1
        self.holder.objects = [pn.pane.Bokeh(one.figure) for one in self.linked.figures[:count]]
        self.swipe.visible = self._arranged == "swipe"

    def _received(self, event):
        for name, content in (event.new or {}).items():
            self.model.receive(name, content if isinstance(content, bytes) else content.encode())
        if event.new:
            self.drop.value = {}
        self._changed = True

    def _open(self, path, *, trusted=False):
        self.model.open(path, trusted=trusted)
        self._changed = True

    def _selected(self, event):
        if event.new is not None and event.new != self.model.current:
            self.model.current = event.new
            self._changed = True

    def _played(self, event):
        series = self.model.series
        if event.new < len(series) and series[event.new] != self.model.current:
            self.model.current = series[event.new]
            self._changed = True

    def _functioned(self, *_):
        function = self.model.functions[self.function.value]
        self.method.param.update(options=list(function.methods), value=function.methods[0])
        self.uncertainty.visible = any(task.evidence is not None for task in function.tasks)
        self.fields = {}
        for option in function.options:
            label = option.name.replace("_", " ")
            if option.flag:
                self.fields[option.name] = pn.widgets.Checkbox(name=label)
            elif option.choices:
                self.fields[option.name] = pn.widgets.Select(name=label, options=["", *option.choices])
            else:
                self.fields[option.name] = pn.widgets.TextInput(name=label, placeholder=option.help)
        self.options.objects = list(self.fields.values())

    def _restore(self, *, every):
        self.status.clear()
        options = {name: field.value for name, field in self.fields.items() if field.value}
        self.model.restore(
            self.function.value, self.method.value, weights=self.weights.value.strip() or None,
            uncertainty=self.uncertainty.value and self.uncertainty.visible, options=options, every=every,
        )  # fmt: skip
        self._changed = True

    def _touched(self, *_):
        self._stale = True

    def tick(self):
        """
        Take up what happened and draw; called a few times per second.

        Only here figures change, because Bokeh allows it only while it holds the lock of the document.
        """
        self._ticks += 1
        self.status.update()
        if self.model.poll() or self._changed:
            self._changed = False
            self.update()
        blinking = self.mode.value == "blink" and self._ticks % _BLINK == 0
        if self._stale or self.linked.moved or blinking:
            self._stale = False
            self.refresh()
        elif self.swipe.visible and self.swipe.value != self._swiped:
            self._swiped = self.swipe.value
            self.linked.figures[0].swipe(self._swiped)

    def update(self):
        """Show the state of the model."""
        self.status.update()
        opened = self.model.shown
        # Until it is known which function restores the image
        self.run.disabled = self.run_all.disabled = opened is None or (
            opened.function is None and bool(self.model.running)
        )
        if opened is None:
            return
        self.file.param.update(
            options={f"{number + 1}: {one.name}": number for number, one in enumerate(self.model.files)},
            value=self.model.current,
        )
        series = self.model.series
        self.player.param.update(
            end=max(1, len(series) - 1), value=series.index(self.model.current), visible=len(series) > 1
        )
        signature = (id(opened), opened.function, tuple((name, id(one)) for name, one in opened.results.items()))
        if signature == self._shown_signature:
            return
        before, self._shown_signature = self._shown_signature, signature
        if opened.function is not None and opened.function != self.function.value:
            self.function.value = opened.function
        names = self.layers.names(opened)
        right = self.right.value
        # A new result is shown; another file, as in a movie, shows the layer that the user has selected
        restored = before is not None and before[0] == signature[0] and before[2] != signature[2]
        if restored or right not in names or right == ORIGINAL:
            right = next(reversed(opened.results), ORIGINAL)
        self.left.param.update(options=names, value=self.left.value if self.left.value in names else ORIGINAL)
        self.right.param.update(options=names, value=right)
        self.linked.keep_or_reset(self.layers.layer(opened, ORIGINAL).frame.limits)
        self._describe(opened)
        self._stale = True

    def _describe(self, opened):
        smap = opened.smap
        unit = "" if smap.unit is None else f", {smap.unit}"
        text = f"{smap.name}: {smap.data.shape[1]} x {smap.data.shape[0]} pixels{unit}"
        self.place.object = f"<b>{html.escape(text)}</b>"
        self.readout.object = "<i>Tap on the image to read its values.</i>"
        result = opened.results.get(self.right.value) or next(reversed(opened.results.values()), None)
        self.report.object = report_html(result)
        self.code.object = (
            "" if result is None else f"<pre>{html.escape(as_python(opened, result, self.model.functions))}</pre>"
        )
        self.export.result = result

    def refresh(self):
        """Draw the view."""
        opened = self.model.shown
        if opened is None or not self.left.value:
            return
        mode = self.mode.value
        self._arrange()
        names = [self.left.value, self.right.value]
        if mode == "blink" and self._ticks // _BLINK % 2:
            names.reverse()
        shown = [self.layers.layer(opened, name, self.right.value) for name in names if name]
        if mode == "swipe":
            # A boundary between an image and itself would be puzzling
            shown = shown[: len(set(names))]
        percent = self.swipe.value if mode == "swipe" else None
        self.linked.draw(shown, self._norms(opened, shown), self.marks.value, percent)
        self._curves()

    def _norms(self, opened, shown):
        """One stretch for layers of the same unit, so that they can be compared."""
        original = self.layers.layer(opened, ORIGINAL)
        common = original.stretch(*self.cut.value)
        norms = []
        for layer in shown:
            if not isinstance(layer, Layer):
                norms.append(layer.stretch_of(self.linked.view))
            elif layer.unit == original.unit and layer.cmap == original.cmap:
                norms.append(common)
            else:
                norms.append(layer.stretch(*self.cut.value))
        return norms

    def _pair(self):
        opened = self.model.shown
        names = dict.fromkeys(name for name in (self.left.value, self.right.value) if name and name != DIFFERENCE)
        return {} if opened is None else {name: self.layers.layer(opened, name) for name in names}

    def _curves(self):
        pair = self._pair()
        if not pair:
            return
        self.curves.draw(list(pair.values()), self.linked.view, self.linked.ends)
        self.plots.visible = True

    def _tapped(self, event):
        pair = self._pair()
        if not pair or event.x is None:
            return
        frame = next(iter(pair.values())).frame
        parts = [f"({event.x:.2f}, {event.y:.2f}) {frame.unit}"]
        parts += [compare.read_out(layer, event.x, event.y) for layer in pair.values()]
        self.readout.object = html.escape("; ".join(parts))

    def _exported(self):
        """What the export row writes: the file that is shown, and the newest of its results."""
        opened = self.model.shown
        if opened is None:
            return None
        name = self.right.value.partition(":")[0] if self.right.value else ORIGINAL
        if name == DIFFERENCE or name not in opened.layers:
            name = opened.layers[-1]
        paths = {ORIGINAL: opened.path} | {key: result.path for key, result in opened.results.items()}
        return opened, name, paths
