"""The parts of scripts/upstream-tests.

`programs` builds the original's test programs against a library's headers,
`running` runs one of them in a place of its own, `expectations` holds what is
promised of each, `report` tells the people and the files how it went.
"""
