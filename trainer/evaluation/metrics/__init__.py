"""How good translated images are. One metric per file; a metric sees neither a network nor a file, and of ranks only
how to merge what each of them collected."""
