"""From shards to batches: order (which sample), reader (its bytes), dali (its pixels), loader (all of it)."""
