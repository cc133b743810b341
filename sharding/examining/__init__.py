"""What a data set holds that spoils a training: twins across splits, pairs that do not fit, pictures of nothing."""
