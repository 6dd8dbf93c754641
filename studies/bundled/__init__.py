"""A real instruct model that arrives in a package of its own and needs no model hub."""
