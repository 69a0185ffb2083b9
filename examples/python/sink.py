"""Last of three stages: collects the workers' results and adds them up.

    sink.py [ENDPOINT]
"""

import sys

import zmq

endpoint = sys.argv[1] if len(sys.argv) > 1 else "tcp://*:5558"

with zmq.Context() as context, context.socket(zmq.PULL) as pull:
    pull.bind(endpoint)
    # The number of tasks comes from the ventilator, perhaps after the first results.
    expected = None
    results = []
    while expected is None or len(results) < expected:
        text = pull.recv_string()
        if text.startswith("start "):
            expected = int(text.removeprefix("start "))
        else:
            results.append(int(text))
    print(f"collected {len(results)} results, sum {sum(results)}")
