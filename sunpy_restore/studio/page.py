"""The page of the studio: one instance for each tab of the browser."""

import panel as pn

from sunpy_restore.studio.state.mosaic import Granulation
from sunpy_restore.studio.state.restoration import Restoration
from sunpy_restore.studio.tabs.mosaic import MosaicTab
from sunpy_restore.studio.tabs.restoration import RestoreTab

__all__ = ["STYLE", "build_page"]

_PERIOD = 150  # ms
STYLE = """
body { font-family: sans-serif; margin: 12px; }
table { border-collapse: collapse; font-size: 12px; } td, th { padding: 2px 8px; border-bottom: 1px solid #ddd; }
"""


def build_page(chosen):
    """
    Build the page for one visitor.

    Parameters
    ----------
    chosen : `~sunpy_restore.studio.access.Chosen`
        Files that may be opened. Those that were given by name are opened.

    Returns
    -------
    `panel.viewable.Viewable`
    """
    models = [Restoration(chosen), Granulation(chosen)]
    tabs = [RestoreTab(models[0]), MosaicTab(models[1])]

    def tick():
        for tab in tabs:
            tab.tick()

    def begin():
        models[0].worker.prepare()
        for path in chosen.files:
            models[0].open(path)
        tabs[0].update()
        pn.state.add_periodic_callback(tick, period=_PERIOD)

    def end(_):
        for model in models:
            model.close()

    # What changes while the browser still draws the page is not always drawn
    pn.state.onload(begin)
    pn.state.on_session_destroyed(end)
    return pn.Tabs(("Restore", tabs[0].panel), ("Granulation", tabs[1].panel))
