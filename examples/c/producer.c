/*
 * The producing end of a pipeline: binds, and deals numbers to every consumer that connects.
 *
 *     producer [ENDPOINT] [COUNT]
 */
#include "check.h"

int main (int argc, char **argv)
{
    const char *endpoint = argc > 1 ? argv[1] : "tcp://*:5557";
    const int count = argc > 2 ? atoi (argv[2]) : 1000;
    void *context = zmq_ctx_new ();
    void *push = zmq_socket (context, ZMQ_PUSH);
    check (zmq_bind (push, endpoint), "zmq_bind");

    for (int number = 1; number <= count; number++) {
        char text[16];
        const int size = snprintf (text, sizeof text, "%d", number);
        /* Waits while no consumer is there, or all of them are busy. */
        check (zmq_send (push, text, (size_t) size, 0), "zmq_send");
    }
    printf ("produced %d numbers\n", count);

    /* What is still on its way is delivered before the context ends. */
    zmq_close (push);
    zmq_ctx_term (context);
    return 0;
}
