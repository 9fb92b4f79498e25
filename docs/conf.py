"""Settings of Sphinx: ``sphinx-build -W -n --keep-going -b html docs docs/_build/html``."""

from importlib.metadata import version as _version

project = "xgrad"
author = "The xgrad developers"
copyright = "The xgrad developers"
version = release = _version("xgrad")

extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc"]
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"xgrad {release}"
html_static_path = ["_static"]
html_css_files = ["tables.css"]

myst_heading_anchors = 3

# The docstrings name the types in words.
autodoc_typehints = "none"
numpydoc_class_members_toctree = False
numpydoc_show_class_members = False

# No other project's index is loaded, so references to other projects do not resolve.
nitpick_ignore_regex = [
    (r"py:.*", r"(numpy|xarray|dask|distributed|zarr)\..*"),
]
