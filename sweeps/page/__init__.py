"""sweep.html: a sweep on one page."""
