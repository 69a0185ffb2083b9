"""The parts of scripts/pyzmq-tests: `environments` makes the places in which
pyzmq runs on our library, `running` runs its tests in one of them."""
