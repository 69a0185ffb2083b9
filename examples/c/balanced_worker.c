/*
 * A worker of the balancer: asks for work, does it, and asks again until there is none.
 *
 *     balanced_worker [ENDPOINT] [MILLISECONDS PER TASK]
 */
#include "check.h"

#include <string.h>
#include <time.h>

int main (int argc, char **argv)
{
    const char *endpoint = argc > 1 ? argv[1] : "tcp://localhost:5559";
    const int milliseconds = argc > 2 ? atoi (argv[2]) : 1;
    void *context = zmq_ctx_new ();
    void *dealer = zmq_socket (context, ZMQ_DEALER);
    check (zmq_connect (dealer, endpoint), "zmq_connect");

    int tasks = 0;
    check (zmq_send (dealer, "ready", 5, 0), "zmq_send");
    for (;;) {
        char task[32];
        const int size = check (zmq_recv (dealer, task, sizeof task, 0), "zmq_recv");
        if (size == 4 && memcmp (task, "stop", 4) == 0)
            break;
        const struct timespec work = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
        nanosleep (&work, NULL);
        tasks++;
        check (zmq_send (dealer, "done", 4, 0), "zmq_send");
    }
    printf ("worked on %d tasks\n", tasks);

    zmq_close (dealer);
    zmq_ctx_term (context);
    return 0;
}
