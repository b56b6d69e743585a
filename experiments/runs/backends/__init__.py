"""Many processes: runs side by side, in shards, and one training over several ranks."""
