"""`diptych table NAME`: train the rows of a paper's comparison, and print both."""

from sweeps.tables.run import table_command


def main(argv: list[str]) -> int:
    """Train what is left of a table, and show it. Returns the exit status. Raises as `table_command`."""
    return table_command(argv)
