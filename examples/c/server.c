/*
 * A server: greets whoever asks, one request at a time.
 *
 *     server [ENDPOINT] [REQUESTS]
 */
#include "check.h"

int main (int argc, char **argv)
{
    const char *endpoint = argc > 1 ? argv[1] : "tcp://*:5555";
    const int requests = argc > 2 ? atoi (argv[2]) : 10;
    void *context = zmq_ctx_new ();
    void *rep = zmq_socket (context, ZMQ_REP);
    check (zmq_bind (rep, endpoint), "zmq_bind");

    for (int i = 0; i < requests; i++) {
        char name[64], answer[80];
        const int size = check (zmq_recv (rep, name, sizeof name, 0), "zmq_recv");
        /* A longer message is cut to the buffer, but its whole size is reported. */
        const int kept = size < (int) sizeof name ? size : (int) sizeof name;
        const int length = snprintf (answer, sizeof answer, "Hello %.*s", kept, name);
        check (zmq_send (rep, answer, (size_t) length, 0), "zmq_send");
    }
    printf ("answered %d requests\n", requests);

    zmq_close (rep);
    zmq_ctx_term (context);
    return 0;
}
