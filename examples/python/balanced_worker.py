"""A worker of the balancer: asks for work, does it, and asks again until there is none.

    balanced_worker.py [ENDPOINT] [MILLISECONDS PER TASK]
"""

import sys
import time

import zmq

endpoint = sys.argv[1] if len(sys.argv) > 1 else "tcp://localhost:5559"
milliseconds = int(sys.argv[2]) if len(sys.argv) > 2 else 1

with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
    dealer.connect(endpoint)
    dealer.send(b"ready")
    tasks = 0
    while dealer.recv() != b"stop":
        time.sleep(milliseconds / 1000)
        tasks += 1
        dealer.send(b"done")
    print(f"worked on {tasks} tasks")
