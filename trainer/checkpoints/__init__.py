"""All that an exact resume needs, in folders that are complete or absent."""
