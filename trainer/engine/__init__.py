"""The players under DeepSpeed: the only home of its hazards."""
