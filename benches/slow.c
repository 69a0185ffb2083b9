/* One PUB that drops, and its SUB sockets of which one stops reading: messages per second that the
   others get then, and which share of what they got before that is. */
#include "sides.h"

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

static zmq_pollitem_t *items;
static char *payload;

/* Takes what is there for each subscriber from `first` on; counts what the others than the first get. */
static int64_t receive_round (int first)
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

static int64_t receive_for (int first, double seconds, int64_t *elapsed)
{
    const int64_t start = now ();
    int64_t received = 0;
    do {
        received += receive_round (first);
        *elapsed = now () - start;
    } while (*elapsed < (int64_t) (seconds * 1e9));
    return received;
}

static void subscribers (void *context)
{
    items = calloc (options.count, sizeof *items);
    payload = calloc (1, options.size + 1);
    for (int i = 0; i < options.count; i++) {
        items[i].socket = open_socket (context, ZMQ_SUB);
        items[i].events = ZMQ_POLLIN;
        CHECK (zmq_setsockopt (items[i].socket, ZMQ_SUBSCRIBE, "", 0));
        connect_client (items[i].socket);
    }
    while (receive_round (0) == 0)
        ;
    int64_t elapsed_before, elapsed;
    receive_for (0, options.warm_up, &elapsed);
    const int64_t before = receive_for (0, options.seconds, &elapsed_before);
    receive_for (1, options.warm_up, &elapsed);
    enter (MEASURE);
    const int64_t cpu_before = cpu_time ();
    const int64_t received = receive_for (1, options.seconds, &elapsed);
    const int64_t cpu = cpu_time () - cpu_before;
    enter (END);
    while (!others_left ())
        usleep (200);
    print_rate (received, elapsed, cpu);
    printf ("kept=%.4f\n", ((double) received / elapsed) / ((double) before / elapsed_before));
    for (int i = 0; i < options.count; i++)
        zmq_close (items[i].socket);
    free (items);
    free (payload);
}

int main (int argc, char **argv)
{
    read_options (argc, argv);
    run_sides (subscribers, publisher, NULL);
    return 0;
}
