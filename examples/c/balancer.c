/*
 * Load balancing: a ROUTER gives each task to a worker that has asked for one, so that a slow worker
 * gets fewer. It addresses its answer with the identity that came before the request.
 *
 *     balancer [ENDPOINT] [TASKS] [WORKERS]
 */
#include "check.h"

#include <string.h>

int main (int argc, char **argv)
{
    const char *endpoint = argc > 1 ? argv[1] : "tcp://*:5559";
    const int tasks = argc > 2 ? atoi (argv[2]) : 100;
    const int workers = argc > 3 ? atoi (argv[3]) : 2;
    void *context = zmq_ctx_new ();
    void *router = zmq_socket (context, ZMQ_ROUTER);
    check (zmq_bind (router, endpoint), "zmq_bind");

    int given = 0, done = 0, dismissed = 0;
    while (dismissed < workers) {
        char identity[256], request[32], task[32];
        const int identity_size = check (zmq_recv (router, identity, sizeof identity, 0), "zmq_recv");
        const int size = check (zmq_recv (router, request, sizeof request, 0), "zmq_recv");
        /* A worker says "ready" when it comes, and "done" with each result. */
        done += size == 4 && memcmp (request, "done", 4) == 0;

        int length = 4;
        if (given < tasks) {
            length = snprintf (task, sizeof task, "%d", ++given);
        } else {
            memcpy (task, "stop", 4);
            dismissed++;
        }
        check (zmq_send (router, identity, (size_t) identity_size, ZMQ_SNDMORE), "zmq_send");
        check (zmq_send (router, task, (size_t) length, 0), "zmq_send");
    }
    printf ("%d tasks done by %d workers\n", done, workers);

    zmq_close (router);
    zmq_ctx_term (context);
    return 0;
}
