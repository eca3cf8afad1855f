"""Messages, progress bar and cancel button of a tab."""

import html

import panel as pn

__all__ = ["PRIMARY", "StatusRow"]

PRIMARY = ".bk-btn { background-color: #0072b5; color: white; }"
"""Style of the button that begins a computation."""

_COLOURS = {"error": "#b2182b", "warning": "#8a6d00", "info": "#2166ac"}
_KEPT = 8


class StatusRow:
    """
    What a model is doing and what it has to say.

    Parameters
    ----------
    model : object
        With ``running``, ``progress``, ``take_messages`` and ``cancel``, see
        `~sunpy_restore.studio.state.restoration.Restoration`.
    """

    def __init__(self, model):
        self._model, self._said = model, []
        self.messages = pn.pane.HTML("", width=720, css_classes=["messages"])
        self.progress = pn.Column(pn.pane.HTML(""), pn.indicators.Progress(value=0, max=100, width=300), visible=False)
        self.cancel = pn.widgets.Button(name="Cancel", disabled=True)
        self.cancel.on_click(self._cancelled)

    def _cancelled(self, _):
        self._model.cancel()
        self.update()

    def clear(self):
        """Remove the messages, which belong to what was done before."""
        self._model.take_messages()
        self._said, self.messages.object = [], ""

    def update(self):
        """Show the state of the model."""
        new = self._model.take_messages()
        if new:
            self._said = [*self._said, *new][-_KEPT:]
            self.messages.object = "".join(
                f'<div class="{kind}" style="color: {_COLOURS[kind]}">{kind}: {html.escape(text)}</div>'
                for kind, text in self._said
            )
        running, (what, fraction) = bool(self._model.running), self._model.progress
        self.cancel.disabled = not running
        self.progress.visible = running
        if running:
            text = f"{self._model.running}{': ' + what if what else ''}"
            self.progress[0].object = html.escape(text)
            bar = self.progress[1]
            value = round(100 * fraction) if fraction >= 0 else -1
            bar.param.update(value=value, active=True)
