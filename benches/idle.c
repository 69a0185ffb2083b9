/* Many idle tcp connections between two processes, and one that works: resident memory of a connection,
   both ends together, and messages per second over the one that works. */
#include "receiving.h"
#include "resources.h"

/* Of so many connections it is not known yet whether they were accepted. */
#define BURST 100

/* What the sides do in turn; each waits for the other. Between the first two, the progress is how many
   connections were accepted. */
enum
{
    READY = 1,
    CONNECTED = 1 << 30,
    WEIGHED,
    CHECKED
};

static void wait_for_progress (int64_t wanted)
{
    while (atomic_load (&meeting->progress) < wanted)
        usleep (1000);
}

/* A message over every connection shows that each is one. */
static void clients (void *context)
{
    allow_descriptors ();
    void *idle = open_socket (context, ZMQ_PUSH);
    void *busy = open_socket (context, ZMQ_PUSH);
    char *payload = calloc (1, options.size + 1);
    const char *endpoint = endpoint_of (0);
    const long before = settled ();
    wait_for_progress (READY);
    for (int i = 1; i <= options.count; i++) {
        CHECK (zmq_connect (idle, endpoint));
        wait_for_progress (READY + i - BURST);
    }
    wait_for_progress (READY + options.count);
    const long bytes = settled () - before;
    atomic_store (&meeting->other_bytes, bytes);
    atomic_store (&meeting->progress, CONNECTED);
    wait_for_progress (WEIGHED);
    set_int (idle, ZMQ_SNDTIMEO, -1);
    for (int i = 0; i < options.count; i++)
        CHECK (zmq_send (idle, payload, options.size, 0));
    wait_for_progress (CHECKED);
    CHECK (zmq_connect (busy, endpoint));
    while (go_on ())
        if (zmq_send (busy, payload, options.size, 0) == -1 && zmq_errno () != EAGAIN)
            fail ("send");
    leave ();
    zmq_close (busy);
    zmq_close (idle);
    free (payload);
}

static void server (void *context)
{
    allow_descriptors ();
    void *socket = open_socket (context, ZMQ_PULL);
    char *buffer = calloc (1, options.size + 1);
    set_int (socket, ZMQ_BACKLOG, 4 * BURST);
    bind_server (socket);
    const long before = settled ();
    const int descriptors = open_descriptors ();
    for (int accepted = 0; accepted < options.count;) {
        atomic_store (&meeting->progress, READY + accepted);
        usleep (1000);
        accepted = open_descriptors () - descriptors;
    }
    atomic_store (&meeting->progress, READY + options.count);
    wait_for_progress (CONNECTED);
    const long bytes = settled () - before + atomic_load (&meeting->other_bytes);
    atomic_store (&meeting->progress, WEIGHED);
    set_int (socket, ZMQ_RCVTIMEO, 30000);
    for (int i = 0; i < options.count; i++)
        CHECK (zmq_recv (socket, buffer, options.size, 0));
    set_int (socket, ZMQ_RCVTIMEO, 100);
    atomic_store (&meeting->progress, CHECKED);
    measure_receiving (socket);
    printf ("bytes=%.1f\n", (double) bytes / options.count);
    zmq_close (socket);
    free (buffer);
}

int main (int argc, char **argv)
{
    options.count = 10000;
    options.limit = 40;
    read_options (argc, argv);
    run_sides (server, clients, NULL);
    return 0;
}
