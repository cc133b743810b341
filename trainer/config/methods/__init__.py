"""The section `method` of a run: one file per method, of the same name as in `trainer/methods/`.

Each has `name`, which tells the sections apart in a stored configuration; `pairing` and `needs_label`, what it asks of
the data; `stride` and `fixed_size`, what its networks ask of an image; `check`, and `build`.
"""
