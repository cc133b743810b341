"""A run as jobs of Slurm: the script, its submission, and what a job does from its first moment to its last."""
