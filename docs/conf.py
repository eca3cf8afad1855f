"""Configuration of the documentation; see https://www.sphinx-doc.org/en/master/usage/configuration.html."""

import builtins
import os
import re
import sys
import warnings
from pathlib import Path

from sunpy_restore import __version__

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

# -- Project -----------------------------------------------------------------------------------------------------------

project = "sunpy_restore"
author = "The sunpy_restore developers"
copyright = f"2026, {author}"  # noqa: A001
release = __version__
version = ".".join(release.split(".")[:2])

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
    "sphinx_gallery.gen_gallery",
    "coverage",
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

# The inventories of other projects come from the internet, so they are read only on request. Without them, references
# to these projects and to Python itself are plain text; nothing else is ignored below.
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
if os.environ.get("SUNPY_RESTORE_DOCS_INTERSPHINX") == "1":
    intersphinx_mapping = {name: (url, None) for name, url in _INTERSPHINX.items()}
else:
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

# -- HTML --------------------------------------------------------------------------------------------------------------

html_theme = "sunpy"
html_title = f"sunpy_restore {version}"
html_theme_options = {
    "navbar_links": [["SunPy", "https://docs.sunpy.org/", 3]],
    "footer_links": [],
    # Neither statistics of visitors nor a search on other hosts.
    "goatcounter_analytics_url": False,
    "rtd_search": False,
}
