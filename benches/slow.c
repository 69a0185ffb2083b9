/* One PUB that drops, and its SUB sockets of which one stops reading: messages per second that the
   others get then, and which share of what they got before that is. */
#include "rounds.h"

static void publisher (void *context)
{
    void *socket = open_socket (context, ZMQ_PUB);
    void *payload = calloc (1, options.size + 1);
    bind_server (socket);
    while (go_on ())
        CHECK (zmq_send (socket, payload, options.size, 0));
    leave ();
    zmq_close (socket);
    free (payload);
}

/* The first subscriber that still reads. */
static int first;

/* Takes what is there for each subscriber that reads; counts what the others than the first get. */
static int64_t receive_round (void)
{
    int64_t received = 0;
    int taken = 0;
    for (int i = first; i < options.count; i++) {
        for (int burst = 0; burst < 64; burst++) {
            if (zmq_recv (items[i].socket, payload, options.size, ZMQ_DONTWAIT) == -1) {
                if (zmq_errno () != EAGAIN)
                    fail ("receive");
                break;
            }
            taken++;
            received += i > 0;
        }
    }
    if (taken == 0)
        CHECK (zmq_poll (items + first, options.count - first, 100));
    return received;
}

static void subscribers (void *context)
{
    make_items (options.size + 1);
    for (int i = 0; i < options.count; i++) {
        items[i].socket = open_socket (context, ZMQ_SUB);
        items[i].events = ZMQ_POLLIN;
        CHECK (zmq_setsockopt (items[i].socket, ZMQ_SUBSCRIBE, "", 0));
        connect_client (items[i].socket);
    }
    while (receive_round () == 0)
        ;
    rounds_for (receive_round, options.warm_up);
    const struct measured before = rounds_for (receive_round, options.seconds);
    first = 1;
    const struct measured after = measure_rounds (receive_round);
    await_others ();
    print_measured (&after);
    print_kept (&before, &after);
    close_items ();
}

int main (int argc, char **argv)
{
    read_options (argc, argv);
    run_sides (subscribers, publisher, NULL);
    return 0;
}
