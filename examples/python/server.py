"""A server: greets whoever asks, one request at a time.

    server.py [ENDPOINT] [REQUESTS]
"""

import sys

import zmq

endpoint = sys.argv[1] if len(sys.argv) > 1 else "tcp://*:5555"
requests = int(sys.argv[2]) if len(sys.argv) > 2 else 10

with zmq.Context() as context, context.socket(zmq.REP) as rep:
    rep.bind(endpoint)
    for _ in range(requests):
        name = rep.recv_string()
        rep.send_string(f"Hello {name}")
    print(f"answered {requests} requests")
