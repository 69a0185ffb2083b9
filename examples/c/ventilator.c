/*
 * First of three stages: deals tasks to the workers, and tells the sink how many to expect.
 *
 *     ventilator [ENDPOINT FOR WORKERS] [ENDPOINT OF SINK] [TASKS]
 */
#include "check.h"

int main (int argc, char **argv)
{
    const char *workers = argc > 1 ? argv[1] : "tcp://*:5557";
    const char *sink = argc > 2 ? argv[2] : "tcp://localhost:5558";
    const int tasks = argc > 3 ? atoi (argv[3]) : 100;
    void *context = zmq_ctx_new ();
    void *to_workers = zmq_socket (context, ZMQ_PUSH);
    void *to_sink = zmq_socket (context, ZMQ_PUSH);
    check (zmq_bind (to_workers, workers), "zmq_bind");
    check (zmq_connect (to_sink, sink), "zmq_connect");

    char text[32];
    int size = snprintf (text, sizeof text, "start %d", tasks);
    check (zmq_send (to_sink, text, (size_t) size, 0), "zmq_send");
    for (int task = 1; task <= tasks; task++) {
        size = snprintf (text, sizeof text, "%d", task);
        check (zmq_send (to_workers, text, (size_t) size, 0), "zmq_send");
    }
    printf ("sent %d tasks\n", tasks);

    zmq_close (to_workers);
    zmq_close (to_sink);
    zmq_ctx_term (context);
    return 0;
}
