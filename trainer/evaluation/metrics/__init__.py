"""How good translated images are. One metric per file; a metric never sees a network, a rank or a file."""
