"""Builds the site from the pages of this repository and the docstrings: ``make docs``."""

from __future__ import annotations

import inspect
from typing import Any

from sphinx.application import Sphinx
from sphinx.util.inspect import stringify_signature

from cdk_kinesis_video import __version__

project = "cdk-kinesis-video"
author = "the cdk-kinesis-video maintainers"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton", "sphinxarg.ext"]

# The source is the whole repository, so that a link that works there works on the site.
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
root_doc = "docs/index"
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"cdk-kinesis-video {__version__}"
html_copy_source = False
# The pages lie as in the repository, so the root only leads to the first one.
html_extra_path = ["site"]

# A name in single backticks is a link if it is this library's, and code if it is not.
default_role = "py:obj"
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"cdk_kinesis_video\._protocols\..*"),  # for type checkers alone
    ("py:.*", r"(?!cdk_kinesis_video|kinesis_video_).*"),
    ("py:.*", r"kinesis_video_matroska\..*"),  # what a producer sends, for whoever writes a `Video` of their own
]
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
maximum_signature_line_length = 60
napoleon_google_docstring = False
napoleon_use_rtype = False


def setup(app: Sphinx) -> None:
    """Have signatures and links as people read them."""
    app.connect("autodoc-process-signature", _signature)
    # Before napoleon, which takes the addresses in a section "See Also" for names.
    app.connect("autodoc-process-docstring", _links, priority=100)


def _signature(
    _app: Sphinx, what: str, _name: str, obj: Any, _options: Any, signature: str | None, returns: str
) -> Any:
    """Take a construct's own signature instead of its metaclass's, which is jsii's."""
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
