"""Who this process is among all ranks, and how they meet."""
