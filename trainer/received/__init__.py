"""Networks that others trained, or that were exported, as runs: to translate with, to export, to go on from."""
