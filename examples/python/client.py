"""A client: asks, waits for the answer, asks again.

    client.py [ENDPOINT] [REQUESTS] [NAME]
"""

import sys

import zmq

endpoint = sys.argv[1] if len(sys.argv) > 1 else "tcp://localhost:5555"
requests = int(sys.argv[2]) if len(sys.argv) > 2 else 10
name = sys.argv[3] if len(sys.argv) > 3 else "World"

with zmq.Context() as context, context.socket(zmq.REQ) as req:
    req.connect(endpoint)
    answer = ""
    for _ in range(requests):
        req.send_string(name)
        answer = req.recv_string()
    print(f"{requests} answers, the last: {answer}")
