"""Everything that is estimated of one pair at one site."""
