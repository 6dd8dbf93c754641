"""Where the work of a study is done: in this process, in others of this machine, or on a cluster."""
