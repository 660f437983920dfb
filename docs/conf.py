"""How Sphinx builds the site: `make docs`. Nothing here asks the network."""

import os
import re
from pathlib import Path

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml

import deepforest

HERE = Path(__file__).parent

# The gallery shows the examples on small data; full-size results are committed in full_size/.
os.environ["DEEPFOREST_QUICK"] = "1"

project = "deepforest"
copyright = "the deepforest developers"
version = release = deepforest.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
nitpicky = True

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

autodoc_typehints = "none"  # the docstrings say types, and shapes too
autosummary_generate = True
numpydoc_show_class_members = False  # _templates/autosummary/class.rst lists them
numpydoc_class_members_toctree = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/plot_",
    "ignore_pattern": "^(?!plot_)",  # shared code is no page
    "within_subsection_order": "ExampleTitleSortKey",
    "download_all_examples": False,
    "show_memory": False,
    "write_computation_times": False,  # that page loads scripts from elsewhere
    "remove_config_comments": True,
}

html_theme = "pydata_sphinx_theme"
html_title = "deepforest"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": False,
    "pygments_light_style": "tango",
}
html_sidebars = {page: [] for page in ("index", "guide", "config", "theory", "engine", "changelog")}
html_math_renderer = "mathml"
toc_object_entries_show_parents = "hide"


def write_benchmark_pages() -> None:
    """Write a page for each committed table of benchmarks/results/, which it includes."""
    folder = HERE / "generated" / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    names = {table.name for table in (HERE.parent / "benchmarks" / "results").glob("*.md")}
    for page in folder.glob("*.md"):
        if page.name not in names:
            page.unlink()
    for name in names:
        source = f"../../../benchmarks/results/{name}"
        page = f"```{{include}} {source}\n:relative-images:\n```\n"
        if not (folder / name).exists() or (folder / name).read_text() != page:
            (folder / name).write_text(page)


def visit_math(translator, node):
    """Write a formula as MathML, which browsers draw without a script from elsewhere."""
    inline = node.tagname == "math"
    formula = tex2mathml(node.astext(), as_block=not inline)
    translator.body.append(formula if inline else f'<div class="math">{formula}</div>')
    raise SkipNode


# What stands in backticks, or a name with a trailing underscore, or a starred one.
CODE_OR_NAME = re.compile(r"(`[^`]*`)|\b([A-Za-z]\w*_)(?!\w)|(?<=, )(\*)(?=\w+[,)])")


def escape_names(app, what, name, obj, options, lines):
    """Keep `n_features_in_` and `*shape` in docstrings from being read as a link and emphasis."""

    def escaped(match):
        code, underscored, star = match.groups()
        return code or (underscored[:-1] + "\\_" if underscored else "\\" + star)

    for i, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            lines[i] = CODE_OR_NAME.sub(escaped, line)


def setup(app):
    # After numpydoc, which connects with 500.
    app.connect("autodoc-process-docstring", escape_names, priority=600)
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math, None))


write_benchmark_pages()
