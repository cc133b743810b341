"""Samples of shards as sources of `diptych translate`: of data sets, and of plain WebDataset tars."""
