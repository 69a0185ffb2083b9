"""A subscriber: takes some updates of one topic. One that joins late misses what was sent before.

    subscriber.py [ENDPOINT] [UPDATES] [TOPIC]
"""

import sys

import zmq

endpoint = sys.argv[1] if len(sys.argv) > 1 else "tcp://localhost:5556"
updates = int(sys.argv[2]) if len(sys.argv) > 2 else 100
topic = sys.argv[3] if len(sys.argv) > 3 else "even"

with zmq.Context() as context, context.socket(zmq.SUB) as sub:
    # Without a subscription nothing would come at all.
    sub.subscribe(topic)
    sub.connect(endpoint)
    numbers = [int(sub.recv_multipart()[1]) for _ in range(updates)]
    print(f"{updates} updates of {topic}, from {numbers[0]} to {numbers[-1]}")
