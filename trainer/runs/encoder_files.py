"""Which file of weights a run's encoder was begun with, as run.json keeps it."""

from trainer.runs import formats
from trainer.runs.rundir import RunDir

ENCODERS_KEY = "encoders"
"""In run.json: SHA-256 of the file with the weights of each encoder that has one, and of the FCN."""


def note_encoder(run: RunDir, name: str, sha256: str) -> None:
    """Add to run.json the SHA-256 of an encoder's file, if it is new there."""
    record = run.record()
    known = record.get(ENCODERS_KEY, {})
    if name not in known:
        formats.RUN.write(run.run_file, record | {ENCODERS_KEY: {**known, name: sha256}})
