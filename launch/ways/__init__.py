"""The ways to start a run on machines: here, over ssh, by hand on each, and whatever else is a row of the table."""
