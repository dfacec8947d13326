"""Builds the site from the pages of this repository and the docstrings: ``make docs``."""

from __future__ import annotations

import inspect
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import PycodeError
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.inspect import stringify_signature

from cdk_kinesis_video import __version__

project = "cdk-kinesis-video"
author = "the cdk-kinesis-video maintainers"
project_copyright = f"{author}, Apache-2.0"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton", "sphinxarg.ext"]

# The source is the whole repository, so links work on the site as they do in the repository.
include_patterns = [
    "docs/*.md",
    "docs/*/*.md",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "bench/results.md",
    "examples/README.md",
]
# Folders with tens of thousands of files, which Sphinx looks through twice: 3 s of CPU.
exclude_patterns = [".*", "**/node_modules", "build", "cdk.out", "mutants"]
root_doc = "docs/index"
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"cdk-kinesis-video {__version__}"
html_copy_source = False
html_use_index = html_domain_indices = False
html_static_path = html_css_files = ["style.css"]
# The default underlines the modules of imports, like links.
pygments_dark_style = "github-dark"
# The pages have the paths of the repository, so a page at the root redirects to the first one.
html_extra_path = ["site"]

# A name in single backticks is a link to this library's reference, and code otherwise.
default_role = "py:obj"
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"cdk_kinesis_video\._protocols\..*"),  # for type checkers only
    ("py:.*", r"(?!cdk_kinesis_video|kinesis_video_).*"),
    ("py:.*", r"kinesis_video_matroska\..*"),  # for authors of a `Video`
]
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
maximum_signature_line_length = 60
napoleon_google_docstring = False
napoleon_use_rtype = False
# These modules have base classes. Autodoc would parse their 100,000 lines for comments of attributes: 4 s of CPU.
for module in ("aws_cdk", "aws_cdk.aws_lambda", "constructs"):
    ModuleAnalyzer.cache["module", module] = PycodeError("not parsed")


def setup(app: Sphinx) -> None:
    """Make signatures and links readable."""
    app.connect("autodoc-process-signature", _signature)
    # Before napoleon, which expects names instead of URLs in a section "See Also".
    app.connect("autodoc-process-docstring", _links, priority=100)


def _signature(
    _app: Sphinx, what: str, _name: str, obj: Any, _options: Any, signature: str | None, returns: str
) -> Any:
    """Show a construct's own signature instead of that of jsii's metaclass."""
    if what == "class" and signature and signature.startswith("(*args"):
        own = inspect.signature(obj.__init__)
        parameters = [p.replace(annotation=p.annotation) for name, p in own.parameters.items() if name != "self"]
        signature = stringify_signature(own.replace(parameters=parameters, return_annotation=inspect.Signature.empty))
    return signature, returns


def _links(_app: Sphinx, _what: str, _name: str, _obj: Any, _options: Any, lines: list[str]) -> None:
    if "See Also" in lines:
        begin = lines.index("See Also")
        lines[begin : begin + 2] = ["References", "----------"]
        lines[begin + 2 :] = [f"* {line}" if line.startswith("https://") else line for line in lines[begin + 2 :]]
