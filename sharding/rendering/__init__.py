"""Pictures as they are stored: resized, cut, coloured, drawn as edges."""
