"""What the user can ask for: one file per command of `diptych`."""
