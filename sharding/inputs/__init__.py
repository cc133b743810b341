"""Files on disk, looked at: which pictures there are, with which labels, in which split."""
