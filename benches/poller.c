/* A poller over many sockets of which one has a message: waits and messages in a second. */
#include "bench.h"

static void **near, **far;

static double waits_for (void *poller, double seconds)
{
    const int64_t start = now ();
    int64_t end = start;
    long waits = 0;
    while (end - start < (int64_t) (seconds * 1e9)) {
        /* Some between two looks at the clock; always another socket. */
        for (int i = 0; i < 10; i++, waits++) {
            zmq_poller_event_t event;
            CHECK (zmq_send (far[waits * 7919 % options.count], "x", 1, 0));
            CHECK (zmq_poller_wait (poller, &event, 10000));
            CHECK (zmq_recv (event.socket, NULL, 0, 0));
        }
        end = now ();
    }
    return waits / ((end - start) / 1e9);
}

int main (int argc, char **argv)
{
    char endpoint[40];
    read_options (argc, argv);
    allow_descriptors ();
    print_library ();
    void *context = new_context ();
    void *poller = zmq_poller_new ();
    near = calloc (options.count, sizeof *near);
    far = calloc (options.count, sizeof *far);
    for (int i = 0; i < options.count; i++) {
        snprintf (endpoint, sizeof endpoint, "inproc://%d", i);
        near[i] = open_socket (context, ZMQ_PAIR);
        far[i] = open_socket (context, ZMQ_PAIR);
        CHECK (zmq_bind (near[i], endpoint));
        CHECK (zmq_connect (far[i], endpoint));
        CHECK (zmq_poller_add (poller, near[i], NULL, ZMQ_POLLIN));
    }
    waits_for (poller, options.warm_up);
    const int64_t cpu_before = cpu_time ();
    const double rate = waits_for (poller, options.seconds);
    printf ("rate=%.0f\n", rate);
    printf ("cpu=%.3f\n", (cpu_time () - cpu_before) / (rate * options.seconds));
    CHECK (zmq_poller_destroy (&poller));
    for (int i = 0; i < options.count; i++) {
        zmq_close (near[i]);
        zmq_close (far[i]);
    }
    zmq_ctx_term (context);
    return 0;
}
