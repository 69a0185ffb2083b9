/* Resident memory of idle things, in bytes each: `memory sockets`, or `memory connections` for tcp
   connections with both ends in this process. */
#include "resources.h"

/* A few of each kind come first, so that what a context needs once is not counted. */
static long measure_sockets (void *context, int count)
{
    static const int kinds[] = {ZMQ_PUSH, ZMQ_PULL, ZMQ_DEALER, ZMQ_ROUTER, ZMQ_PUB, ZMQ_SUB, ZMQ_REQ, ZMQ_REP};
    const int kind_count = sizeof kinds / sizeof *kinds;
    long before = 0;
    for (int i = 0; i < kind_count * 2 + count; i++) {
        if (i == kind_count * 2)
            before = settled ();
        open_socket (context, kinds[i % kind_count]);
    }
    return settled () - before;
}

static long measure_connections (void *context, int count)
{
    void *server = open_socket (context, ZMQ_PULL);
    void *client = open_socket (context, ZMQ_PUSH);
    CHECK (zmq_bind (server, "tcp://127.0.0.1:*"));
    char endpoint[256];
    size_t size = sizeof endpoint;
    CHECK (zmq_getsockopt (server, ZMQ_LAST_ENDPOINT, endpoint, &size));
    long before = 0;
    const int first = 10;
    int descriptors = open_descriptors ();
    for (int i = 0; i < first + count; i++) {
        if (i == first)
            before = settled ();
        CHECK (zmq_connect (client, endpoint));
        /* Both ends of each connection have a descriptor; the listener's queue is short. */
        descriptors += 2;
        while (open_descriptors () < descriptors && i % 50 == 0)
            usleep (1000);
    }
    while (open_descriptors () < descriptors)
        usleep (1000);
    const long all = settled () - before;
    /* They are what they look like: every one carries a message. */
    for (int i = 0; i < first + count; i++)
        CHECK (zmq_send (client, "", 0, 0));
    for (int i = 0; i < first + count; i++)
        CHECK (zmq_recv (server, NULL, 0, 0));
    return all;
}

int main (int argc, char **argv)
{
    if (argc < 2) {
        fprintf (stderr, "usage: memory sockets|connections [--count N]\n");
        return 2;
    }
    options.count = 1000;
    options.limit = 60;
    read_options (argc - 1, argv + 1);
    print_library ();
    allow_descriptors ();
    alarm (options.limit + (unsigned) (options.seconds * 4));
    void *context = new_context ();
    const int sockets = strcmp (argv[1], "sockets") == 0;
    const long bytes = sockets ? measure_sockets (context, options.count) : measure_connections (context, options.count);
    printf ("bytes=%.1f\n", (double) bytes / options.count);
    fflush (stdout);
    /* Thousands of sockets are the process's to clean up. */
    _exit (0);
}
