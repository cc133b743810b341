"""What finds damage in a finished data set."""
