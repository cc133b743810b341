"""What goes wrong with a training, seen in what it measures, with advice."""
