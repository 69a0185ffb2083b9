"""Second of three stages: works on tasks (it squares numbers) until it is ended from outside.

    worker.py [ENDPOINT OF VENTILATOR] [ENDPOINT OF SINK]
"""

import sys

import zmq

ventilator = sys.argv[1] if len(sys.argv) > 1 else "tcp://localhost:5557"
sink = sys.argv[2] if len(sys.argv) > 2 else "tcp://localhost:5558"

with zmq.Context() as context, context.socket(zmq.PULL) as tasks, context.socket(zmq.PUSH) as results:
    tasks.connect(ventilator)
    results.connect(sink)
    while True:
        number = int(tasks.recv_string())
        results.send_string(str(number * number))
