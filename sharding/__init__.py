"""Images on disk -> WebDataset shards with a DALI index and a manifest. Imports nothing else of Diptych."""
