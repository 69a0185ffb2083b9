/*
 * A publisher: sends numbered updates of two topics to whoever is subscribed at that moment.
 *
 *     publisher [ENDPOINT] [UPDATES]      (0, the default: without end)
 */
#include "check.h"

#include <time.h>

int main (int argc, char **argv)
{
    const char *endpoint = argc > 1 ? argv[1] : "tcp://*:5556";
    const int updates = argc > 2 ? atoi (argv[2]) : 0;
    void *context = zmq_ctx_new ();
    void *pub = zmq_socket (context, ZMQ_PUB);
    check (zmq_bind (pub, endpoint), "zmq_bind");

    for (int number = 1; updates == 0 || number <= updates; number++) {
        char text[16];
        const int size = snprintf (text, sizeof text, "%d", number);
        /* The first part is the topic, which subscriptions are matched with. */
        check (zmq_send (pub, number % 2 ? "odd" : "even", number % 2 ? 3 : 4, ZMQ_SNDMORE), "zmq_send");
        check (zmq_send (pub, text, (size_t) size, 0), "zmq_send");
        const struct timespec pause = {0, 1000000};
        nanosleep (&pause, NULL);
    }

    zmq_close (pub);
    zmq_ctx_term (context);
    return 0;
}
