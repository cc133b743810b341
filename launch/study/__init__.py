"""What can be done with a perceptual study: one file per command of `diptych study`, found by its name.

Each has a frozen dataclass `Options`, whose docstring is what help shows, and the function `main(options)`, which
returns the exit status. `_` in the file's name is `-` in the command's.
"""
