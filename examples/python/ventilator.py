"""First of three stages: deals tasks to the workers, and tells the sink how many to expect.

    ventilator.py [ENDPOINT FOR WORKERS] [ENDPOINT OF SINK] [TASKS]
"""

import sys

import zmq

workers = sys.argv[1] if len(sys.argv) > 1 else "tcp://*:5557"
sink = sys.argv[2] if len(sys.argv) > 2 else "tcp://localhost:5558"
tasks = int(sys.argv[3]) if len(sys.argv) > 3 else 100

with zmq.Context() as context, context.socket(zmq.PUSH) as to_workers, context.socket(zmq.PUSH) as to_sink:
    to_workers.bind(workers)
    to_sink.connect(sink)
    to_sink.send_string(f"start {tasks}")
    for task in range(1, tasks + 1):
        to_workers.send_string(str(task))
    print(f"sent {tasks} tasks")
