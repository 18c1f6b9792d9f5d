"""From where the data lie to batches: own files, catalogue sets, splits and length buckets."""
