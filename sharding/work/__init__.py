"""What sources and the writer share: the plan of a data set, the crew that makes it, and what went wrong."""
