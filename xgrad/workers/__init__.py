"""Workers: threads of this process, processes of this machine, or a cluster, and their memory."""
