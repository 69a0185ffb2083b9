/* REQ and REP, one request at a time: half of the median round trip, and of the one that only one in a
   thousand exceeds. With `--kind poll` both wait in zmq_poll, and receive what is there. */
#include "sides.h"

#define MOST_SAMPLES (1 << 20)
/* Of who waits for an answer, in milliseconds. */
#define PATIENCE 20000

/* The size of what came, or -1 as zmq_recv. */
static int receive (void *socket, char *payload, long patience)
{
    if (strcmp (options.kind, "poll") != 0)
        return zmq_recv (socket, payload, options.size, 0);
    zmq_pollitem_t item = {socket, 0, ZMQ_POLLIN, 0};
    CHECK (zmq_poll (&item, 1, patience));
    return zmq_recv (socket, payload, options.size, ZMQ_DONTWAIT);
}

static void replier (void *context)
{
    void *socket = open_socket (context, ZMQ_REP);
    char *payload = calloc (1, options.size + 1);
    bind_server (socket);
    while (go_on ()) {
        if (receive (socket, payload, 100) == -1) {
            if (zmq_errno () != EAGAIN)
                fail ("receive");
            continue;
        }
        CHECK (zmq_send (socket, payload, options.size, 0));
    }
    leave ();
    zmq_close (socket);
    free (payload);
}

static int64_t samples[MOST_SAMPLES];

static int round_trips_for (void *socket, char *payload, double seconds)
{
    const int64_t start = now ();
    int64_t before = start;
    int count = 0;
    while (count < MOST_SAMPLES && before - start < (int64_t) (seconds * 1e9)) {
        CHECK (zmq_send (socket, payload, options.size, 0));
        CHECK (receive (socket, payload, PATIENCE));
        const int64_t after = now ();
        samples[count++] = after - before;
        before = after;
    }
    return count;
}

static void requester (void *context)
{
    void *socket = open_socket (context, ZMQ_REQ);
    char *payload = calloc (1, options.size + 1);
    set_int (socket, ZMQ_RCVTIMEO, PATIENCE);
    connect_client (socket);
    round_trips_for (socket, payload, options.warm_up);
    enter (MEASURE);
    const int64_t cpu_before = cpu_time ();
    const int count = round_trips_for (socket, payload, options.seconds);
    const int64_t cpu = cpu_time () - cpu_before;
    enter (END);
    await_others ();
    print_round_trips (samples, count);
    printf ("cpu=%.2f\n", (double) (cpu + atomic_load (&meeting->other_cpu)) / count / 2);
    zmq_close (socket);
    free (payload);
}

int main (int argc, char **argv)
{
    options.size = 1;
    read_options (argc, argv);
    run_sides (requester, replier, NULL);
    return 0;
}
