"""Widgets that export what is shown."""

import panel as pn

__all__ = ["ExportRow"]

_KINDS = {"FITS": "fits", "PNG": "png", "JPEG 2000": "jp2", "MP4": "mp4"}
_JOBS = {"png": "write_picture", "jp2": "write_jp2", "mp4": "write_movie"}


class ExportRow:
    """
    Choice of a format, a button that writes the file, and a link to it.

    Parameters
    ----------
    model : `~sunpy_restore.studio.state.restoration.Restoration`
        The state of the tab.
    current : callable
        ``current()`` returns the file, the name of the layer, and the paths of all layers; `None` if nothing is open.
    """

    def __init__(self, model, current):
        self._model, self._current = model, current
        self.result = None
        self.kind = pn.widgets.Select(name="Export", options=list(_KINDS), width=120)
        self.button = pn.widgets.Button(name="Write", align="end")
        self.button.on_click(lambda _: self._write())
        self.download = pn.widgets.FileDownload(name="Download", visible=False, width=300)
        self.panel = pn.Column(pn.Row(self.kind, self.button), self.download)

    def _write(self):
        from sunpy_restore.studio.state.restoration import ORIGINAL

        found = self._current()
        if found is None:
            return
        opened, name, paths = found
        suffix = _KINDS[self.kind.value]
        stem = opened.name.split(".")[0] + ("" if name == ORIGINAL else f"_{name.split(' ')[0]}")
        if suffix == "fits":
            self._offer(str(paths[name]))
            return
        out = self._model.new_path(f"{stem}.{suffix}")
        reference = str(paths[ORIGINAL])
        what = {"paths": self._frames(opened, paths)} if suffix == "mp4" else {"path": str(paths[name])}
        self._model.compute(
            f"sunpy_restore.studio.jobs.export:{_JOBS[suffix]}", f"Writing {out.name}", self._offer, out=str(out),
            reference=reference, **what,
        )  # fmt: skip

    def _frames(self, opened, paths):
        """The open images of this kind, restored where they are; of a single one the original and its results."""
        files = [one for one in self._model.files if one.channel == opened.channel]
        if len(files) == 1:
            return list(map(str, paths.values()))
        newest = [next(reversed(one.results.values()), one) for one in files]
        return [str(one.path) for one in newest]

    def _offer(self, path):
        self.download.param.update(file=path, filename=path.rsplit("/", 1)[-1], visible=True)
        self.download.label = f"Download {self.download.filename}"
