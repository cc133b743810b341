"""Settings of Sphinx. Nothing is fetched when the site is built, nor when it is read."""

project = "Diptych"
author = "the authors of Diptych"
extensions = ["myst_parser"]
root_doc = "index"
exclude_patterns = [".kept"]
source_suffix = {".md": "markdown"}

# Headings can be linked to as on GitHub, and a link to none is a warning, which ends the build.
myst_heading_anchors = 6
myst_enable_extensions = ["colon_fence", "fieldlist"]
nitpicky = True
# Annotations in signatures are written as the code has them: `Tensor`, not the page of another project.
nitpick_ignore_regex = [("py:.*", ".*")]
add_module_names = False
python_use_unqualified_type_names = True
maximum_signature_line_length = 88

highlight_language = "none"  # blocks without a language are consoles
html_theme = "furo"
html_title = "Diptych"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
