"""What differs between the trials of a sweep."""
