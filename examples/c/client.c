/*
 * A client: asks, waits for the answer, asks again.
 *
 *     client [ENDPOINT] [REQUESTS] [NAME]
 */
#include "check.h"

#include <string.h>

int main (int argc, char **argv)
{
    const char *endpoint = argc > 1 ? argv[1] : "tcp://localhost:5555";
    const int requests = argc > 2 ? atoi (argv[2]) : 10;
    const char *name = argc > 3 ? argv[3] : "World";
    void *context = zmq_ctx_new ();
    void *req = zmq_socket (context, ZMQ_REQ);
    check (zmq_connect (req, endpoint), "zmq_connect");

    char answer[80] = "";
    for (int i = 0; i < requests; i++) {
        check (zmq_send (req, name, strlen (name), 0), "zmq_send");
        const int size = check (zmq_recv (req, answer, sizeof answer - 1, 0), "zmq_recv");
        answer[size < (int) sizeof answer ? size : (int) sizeof answer - 1] = 0;
    }
    printf ("%d answers, the last: %s\n", requests, answer);

    zmq_close (req);
    zmq_ctx_term (context);
    return 0;
}
