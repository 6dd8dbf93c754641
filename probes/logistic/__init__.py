"""L2-penalised logistic fits: many at once, in the space of rows or of weights."""
