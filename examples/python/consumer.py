"""The consuming end of a pipeline: connects, and adds up the numbers it gets.

    consumer.py [ENDPOINT] [COUNT]
"""

import sys

import zmq

endpoint = sys.argv[1] if len(sys.argv) > 1 else "tcp://localhost:5557"
count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000

with zmq.Context() as context, context.socket(zmq.PULL) as pull:
    # The producer need not be there yet: ZeroMQ connects when it comes.
    pull.connect(endpoint)
    total = sum(int(pull.recv_string()) for _ in range(count))
    print(f"consumed {count} numbers, sum {total}")
