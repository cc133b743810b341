"""What a data set is on disk: manifest, index, members, and how pixels are encoded."""
