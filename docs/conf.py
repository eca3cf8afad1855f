"""Configuration of the documentation; see https://www.sphinx-doc.org/en/master/usage/configuration.html."""

import builtins
import os
import re
import sys
import tomllib
import warnings
from pathlib import Path

from sunpy_restore import __version__

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from inventories import reachable

# -- Project -----------------------------------------------------------------------------------------------------------

project = "sunpy_restore"
author = "The sunpy_restore developers"
copyright = f"2026, {author}"  # noqa: A001
release = __version__
version = ".".join(release.split(".")[:2])
_urls = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
rst_epilog = f"""
.. |repository| replace:: `source repository <{_urls["Repository"]}>`__
.. |tracker| replace:: `issue tracker <{_urls["Tracker"]}>`__
"""

# -- Sphinx ------------------------------------------------------------------------------------------------------------

extensions = [
    "matplotlib.sphinxext.plot_directive",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx_automodapi.automodapi",
    "sphinx_automodapi.smart_resolver",
    "sphinx_changelog",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "coverage",
    "gallery_pages",
    "internals",
    "model_cards",
]
root_doc = "index"
default_role = "obj"
exclude_patterns = ["_build", "_ext"]
nitpicky = True
highlight_language = "python3"
# Prompts and output are not copied with the code.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# -- References to other packages --------------------------------------------------------------------------------------

_INTERSPHINX = {
    "aiapy": "https://aiapy.readthedocs.io/en/stable/",
    "astropy": "https://docs.astropy.org/en/stable/",
    "bokeh": "https://docs.bokeh.org/en/latest/",
    "lightning": "https://lightning.ai/docs/pytorch/stable/",
    "matplotlib": "https://matplotlib.org/stable/",
    "ndcube": "https://docs.sunpy.org/projects/ndcube/en/stable/",
    "numpy": "https://numpy.org/doc/stable/",
    "panel": "https://panel.holoviz.org/",
    "pooch": "https://www.fatiando.org/pooch/latest/",
    "python": "https://docs.python.org/3/",
    "scipy": "https://docs.scipy.org/doc/scipy/",
    "skimage": "https://scikit-image.org/docs/stable/",
    "sunkit_image": "https://docs.sunpy.org/projects/sunkit-image/en/stable/",
    "sunpy": "https://docs.sunpy.org/en/stable/",
    "torch": "https://docs.pytorch.org/docs/stable/",
}
# SUNPY_RESTORE_DOCS_INTERSPHINX=0 leaves all of them out; with 1, an inventory that cannot be read is a warning.
intersphinx_mapping = reachable(_INTERSPHINX, os.environ.get("SUNPY_RESTORE_DOCS_INTERSPHINX"))
# References to these projects and to Python itself are plain text where their inventory is not there, or does not have
# them; nothing else is ignored.
_standard_library = (
    "abc", "argparse", "collections", "dataclasses", "datetime", "os", "pathlib", "types", "typing",
)  # fmt: skip
nitpick_ignore_regex = [
    (r"py:.*", rf"({'|'.join((*_INTERSPHINX, *_standard_library))})\..+"),
    (r"py:.*", "|".join(re.escape(name) for name in dir(builtins) if not name.startswith("_"))),
]

# Every network inherits the docstring of PyTorch's Module.forward, which refers to "Module".
nitpick_ignore = [("py:class", "Module")]

# -- Reference ---------------------------------------------------------------------------------------------------------

automodapi_toctreedirnm = "api"
automodsumm_inherited_members = False
# automodapi makes the tables of members.
numpydoc_show_class_members = False

# -- Gallery -----------------------------------------------------------------------------------------------------------

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "generated/gallery",
    "backreferences_dir": "generated/modules",
    "doc_module": ("sunpy_restore",),
    "filename_pattern": r"[\\/]plot_",
    "abort_on_example_error": True,
    # Only what is printed is shown, not the objects that the last lines of cells return.
    "capture_repr": (),
    "within_subsection_order": "gallery_pages.position",
    "remove_config_comments": True,
    "show_memory": False,
    "write_computation_times": False,
}
plot_include_source = True
plot_html_show_source_link = False
plot_html_show_formats = False
plot_formats = [("png", 100)]
# Examples draw off-screen.
warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive", category=UserWarning)
# Headers of LASCO do not contain the observer; the examples say so.
warnings.filterwarnings("ignore", message="Missing metadata for observer")

# -- HTML --------------------------------------------------------------------------------------------------------------

html_theme = "sunpy"
html_title = f"sunpy_restore {version}"
html_theme_options = {
    "navbar_links": [["SunPy", "https://docs.sunpy.org/", 3]],
    "footer_links": [],
    # The pages of single functions and classes are listed on the pages of their modules, and not next to every page.
    "navigation_depth": 1,
    # Neither statistics of visitors nor a search on other hosts.
    "goatcounter_analytics_url": False,
    "rtd_search": False,
}

# -- Links -------------------------------------------------------------------------------------------------------------

linkcheck_timeout = 20
linkcheck_workers = 4
linkcheck_ignore = [
    # Until the repository has an owner.
    r"https://github\.com/OWNER/.*",
    # Publishers answer programs with 403; the DOIs themselves are checked for their form by tests/test_readme.py.
    r"https://doi\.org/10\.1088/.*",
    r"https://doi\.org/10\.3847/.*",
]
# A DOI leads to the publisher; that is no outdated address.
linkcheck_allowed_redirects = {r"https://doi\.org/.*": r".*", r"https?://.*readthedocs\.io/?$": r".*"}
