"""Who works: threads, processes, a cluster."""
