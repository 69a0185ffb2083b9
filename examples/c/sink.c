/*
 * Last of three stages: collects the workers' results and adds them up.
 *
 *     sink [ENDPOINT]
 */
#include "check.h"

#include <string.h>

int main (int argc, char **argv)
{
    const char *endpoint = argc > 1 ? argv[1] : "tcp://*:5558";
    void *context = zmq_ctx_new ();
    void *pull = zmq_socket (context, ZMQ_PULL);
    check (zmq_bind (pull, endpoint), "zmq_bind");

    /* The number of tasks comes from the ventilator, perhaps after the first results. */
    int expected = -1, results = 0;
    long sum = 0;
    while (expected == -1 || results < expected) {
        char text[32];
        const int size = check (zmq_recv (pull, text, sizeof text - 1, 0), "zmq_recv");
        text[size < (int) sizeof text ? size : (int) sizeof text - 1] = 0;
        if (strncmp (text, "start ", 6) == 0) {
            expected = atoi (text + 6);
        } else {
            sum += atol (text);
            results++;
        }
    }
    printf ("collected %d results, sum %ld\n", results, sum);

    zmq_close (pull);
    zmq_ctx_term (context);
    return 0;
}
