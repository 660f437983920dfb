"""Numbers that have a meaning of their own."""

# The score of features that offer no split. Any real score is larger.
NO_SPLIT = -1e30

# The code of missing values, in features that keep one.
MISSING = 255
