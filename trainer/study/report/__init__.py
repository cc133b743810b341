"""What a study found: numbers of all that the papers print, as tables, and as files."""
