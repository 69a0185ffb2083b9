"""Load balancing: a ROUTER gives each task to a worker that has asked for one.

A slow worker asks less often and so gets fewer. The answer is addressed with the identity that came
before the request.

    balancer.py [ENDPOINT] [TASKS] [WORKERS]
"""

import sys

import zmq

endpoint = sys.argv[1] if len(sys.argv) > 1 else "tcp://*:5559"
tasks = int(sys.argv[2]) if len(sys.argv) > 2 else 100
workers = int(sys.argv[3]) if len(sys.argv) > 3 else 2

with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
    router.bind(endpoint)
    given = done = dismissed = 0
    while dismissed < workers:
        # A worker says "ready" when it comes, and "done" with each result.
        identity, request = router.recv_multipart()
        done += request == b"done"
        if given < tasks:
            given += 1
            router.send_multipart([identity, str(given).encode()])
        else:
            dismissed += 1
            router.send_multipart([identity, b"stop"])
    print(f"{done} tasks done by {workers} workers")
