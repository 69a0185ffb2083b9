/*
 * The consuming end of a pipeline: connects, and adds up the numbers it gets.
 *
 *     consumer [ENDPOINT] [COUNT]
 */
#include "check.h"

int main (int argc, char **argv)
{
    const char *endpoint = argc > 1 ? argv[1] : "tcp://localhost:5557";
    const int count = argc > 2 ? atoi (argv[2]) : 1000;
    void *context = zmq_ctx_new ();
    void *pull = zmq_socket (context, ZMQ_PULL);
    /* The producer need not be there yet: ZeroMQ connects when it comes. */
    check (zmq_connect (pull, endpoint), "zmq_connect");

    long sum = 0;
    for (int received = 0; received < count; received++) {
        char text[16];
        const int size = check (zmq_recv (pull, text, sizeof text - 1, 0), "zmq_recv");
        text[size < (int) sizeof text ? size : (int) sizeof text - 1] = 0;
        sum += atol (text);
    }
    printf ("consumed %d numbers, sum %ld\n", count, sum);

    zmq_close (pull);
    zmq_ctx_term (context);
    return 0;
}
