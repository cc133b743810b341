"""Files that are more than a picture: large ones, places on Earth, stacks, volumes and videos."""
