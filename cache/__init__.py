"""Activations on disk: content-addressed keys, immutable shards, one manifest. Knows nothing of models."""

from unsinter.cache.errors import CacheError
from unsinter.cache.fill import FillReport
from unsinter.cache.inspection import verify
from unsinter.cache.location import default_root
from unsinter.cache.prune import gc, ls
from unsinter.cache.shard import ShardPlan
from unsinter.cache.store import ActivationStore

__all__ = ["ActivationStore", "CacheError", "FillReport", "ShardPlan", "default_root", "gc", "ls", "verify"]
