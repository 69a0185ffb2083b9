/* One PUB to many SUB sockets: messages per second that reach them, all together. With `--drop 0`
   the publisher waits for its slowest subscriber, with `--drop 1` it drops as PUB does by default. */
#include "sides.h"

static void publisher (void *context)
{
    void *socket = open_socket (context, ZMQ_PUB);
    void *payload = calloc (1, options.size + 1);
    set_int (socket, ZMQ_XPUB_NODROP, !options.drop);
    bind_server (socket);
    while (go_on ())
        if (zmq_send (socket, payload, options.size, 0) == -1 && zmq_errno () != EAGAIN)
            fail ("send");
    leave ();
    zmq_close (socket);
    free (payload);
}

static zmq_pollitem_t *items;
static char *payload;
/* Subscribers that have received something; all have when the warm-up begins. */
static int awake;
static char *received_before;

/* Takes from each subscriber what is there, but not so much that others overflow meanwhile. */
static int64_t receive_round (void)
{
    int64_t received = 0;
    for (int i = 0; i < options.count; i++) {
        int taken = 0;
        while (taken < 64) {
            const int rc = zmq_recv (items[i].socket, payload, options.size, ZMQ_DONTWAIT);
            if (rc == -1 && zmq_errno () == EAGAIN)
                break;
            CHECK (rc);
            taken++;
        }
        if (taken > 0 && !received_before[i]) {
            received_before[i] = 1;
            awake++;
        }
        received += taken;
    }
    if (received == 0)
        CHECK (zmq_poll (items, options.count, 100));
    return received;
}

static int64_t receive_for (double seconds, int64_t *elapsed)
{
    const int64_t start = now ();
    int64_t received = 0;
    do {
        received += receive_round ();
        *elapsed = now () - start;
    } while (*elapsed < (int64_t) (seconds * 1e9));
    return received;
}

static void subscribers (void *context)
{
    items = calloc (options.count, sizeof *items);
    received_before = calloc (options.count, 1);
    payload = calloc (1, options.size + 1);
    for (int i = 0; i < options.count; i++) {
        items[i].socket = open_socket (context, ZMQ_SUB);
        items[i].events = ZMQ_POLLIN;
        CHECK (zmq_setsockopt (items[i].socket, ZMQ_SUBSCRIBE, "", 0));
        connect_client (items[i].socket);
    }
    while (awake < options.count)
        receive_round ();
    int64_t elapsed;
    receive_for (options.warm_up, &elapsed);
    enter (MEASURE);
    const int64_t cpu_before = cpu_time ();
    const int64_t received = receive_for (options.seconds, &elapsed);
    const int64_t cpu = cpu_time () - cpu_before;
    enter (END);
    while (!other_left ())
        receive_round ();
    if (received == 0) {
        fprintf (stderr, "no message came\n");
        exit (1);
    }
    printf ("rate=%.1f\n", received * 1e9 / elapsed);
    printf ("cpu=%.2f\n", (double) (cpu + atomic_load (&meeting->other_cpu)) / received);
    for (int i = 0; i < options.count; i++)
        zmq_close (items[i].socket);
    free (items);
    free (received_before);
    free (payload);
}

int main (int argc, char **argv)
{
    read_options (argc, argv);
    print_library ();
    fflush (stdout);
    run_sides (subscribers, publisher);
    return 0;
}
