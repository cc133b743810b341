"""What a run will take, told before it begins: arithmetic, memory, time and disk."""
