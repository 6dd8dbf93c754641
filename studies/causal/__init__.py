"""Does a model use what probes read? Directions are taken out of its stream, and what follows is measured."""
