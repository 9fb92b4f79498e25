"""Settings of Sphinx: ``sphinx-build -W -n --keep-going -b html docs docs/_build/html``."""

import logging
import os
import sys
from importlib.metadata import version as _version
from pathlib import Path

import sphinx_autosummary_accessors
import xarray as xr

import xgrad  # noqa: F401  (registers the accessors that the reference documents)

project = "xgrad"
author = "The xgrad developers"
copyright = "The xgrad developers"
version = release = _version("xgrad")

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx_autosummary_accessors",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_templates"]
# Ours has shorter titles, which fit the sidebar.
templates_path = ["_templates", sphinx_autosummary_accessors.templates_path]

html_theme = "furo"
html_title = f"xgrad {release}"
html_static_path = ["_static"]
html_css_files = ["xgrad.css"]

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "dollarmath"]

# A block is copied without its prompts and its output.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# What `-b linkcheck` cannot ask for.  `python docs/links.py` checks the links within the pages.
linkcheck_ignore = [r"https://github\.com/ORGANISATION/.*", r"https?://localhost.*"]

# Sphinx would print what pint says of the units that cf_xarray adds to its registry.
logging.getLogger("pint").setLevel("ERROR")

# The gallery shows objects of xarray without all their numbers.
xr.set_options(display_expand_data=False)

sys.path.append(str(Path(__file__).parent))  # for gallery_order

# Every script in examples/ becomes a page, a script and a notebook to download, and a thumbnail.
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "backreferences_dir": "gallery/backreferences",  # so that pages can show thumbnails
    "filename_pattern": r"\.py$",
    "within_subsection_order": "gallery_order.InThisOrder",
    "download_all_examples": False,
    "thumbnail_size": (600, 300),  # most figures are wide
    "image_srcset": ["2x"],
    "remove_config_comments": True,
    "show_signature": False,
    "write_computation_times": False,
}

# The docstrings name the types in words.
autodoc_typehints = "none"
numpydoc_class_members_toctree = False
numpydoc_show_class_members = False

# Other projects' indexes are loaded where there is a network.  Elsewhere their names do not link.
intersphinx_mapping = (
    {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "xarray": ("https://docs.xarray.dev/en/stable", None),
        "dask": ("https://docs.dask.org/en/stable", None),
        "zarr": ("https://zarr.readthedocs.io/en/stable", None),
    }
    if "READTHEDOCS" in os.environ
    else {}
)
nitpick_ignore_regex = [
    (r"py:.*", r"(numpy|xarray|dask|distributed|zarr)\..*"),
]
