"""Where a cache can lie: this machine, a network mount, a store of objects; what holds a lock there."""
