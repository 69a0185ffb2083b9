"""The producing end of a pipeline: binds, and deals numbers to every consumer that connects.

    producer.py [ENDPOINT] [COUNT]
"""

import sys

import zmq

endpoint = sys.argv[1] if len(sys.argv) > 1 else "tcp://*:5557"
count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000

with zmq.Context() as context, context.socket(zmq.PUSH) as push:
    push.bind(endpoint)
    for number in range(1, count + 1):
        # Waits while no consumer is there, or all of them are busy.
        push.send_string(str(number))
    print(f"produced {count} numbers")
# Leaving the context delivers what is still on its way.
