/*
 * A subscriber: takes some updates of one topic. One that joins late misses what was sent before.
 *
 *     subscriber [ENDPOINT] [UPDATES] [TOPIC]
 */
#include "check.h"

#include <string.h>

int main (int argc, char **argv)
{
    const char *endpoint = argc > 1 ? argv[1] : "tcp://localhost:5556";
    const int updates = argc > 2 ? atoi (argv[2]) : 100;
    const char *topic = argc > 3 ? argv[3] : "even";
    void *context = zmq_ctx_new ();
    void *sub = zmq_socket (context, ZMQ_SUB);
    /* Without a subscription nothing would come at all. */
    check (zmq_setsockopt (sub, ZMQ_SUBSCRIBE, topic, strlen (topic)), "zmq_setsockopt");
    check (zmq_connect (sub, endpoint), "zmq_connect");

    char first[16] = "", last[16] = "", name[16];
    for (int received = 0; received < updates; received++) {
        check (zmq_recv (sub, name, sizeof name, 0), "zmq_recv");
        const int size = check (zmq_recv (sub, last, sizeof last - 1, 0), "zmq_recv");
        last[size < (int) sizeof last ? size : (int) sizeof last - 1] = 0;
        if (received == 0)
            strcpy (first, last);
    }
    printf ("%d updates of %s, from %s to %s\n", updates, topic, first, last);

    zmq_close (sub);
    zmq_ctx_term (context);
    return 0;
}
