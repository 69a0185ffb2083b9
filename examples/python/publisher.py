"""A publisher: sends numbered updates of two topics to whoever is subscribed at that moment.

    publisher.py [ENDPOINT] [UPDATES]      (0, the default: without end)
"""

import itertools
import sys
import time

import zmq

endpoint = sys.argv[1] if len(sys.argv) > 1 else "tcp://*:5556"
updates = int(sys.argv[2]) if len(sys.argv) > 2 else 0

with zmq.Context() as context, context.socket(zmq.PUB) as pub:
    pub.bind(endpoint)
    for number in itertools.count(1):
        if updates and number > updates:
            break
        # The first part is the topic, which subscriptions are matched with.
        pub.send_multipart([b"odd" if number % 2 else b"even", str(number).encode()])
        time.sleep(0.001)
