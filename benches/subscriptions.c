/* Very many subscriptions on one XPUB: its resident memory for each, the time from the first one's
   sending to the last one's arrival, for each, and messages per second to the subscriber while every
   message has to be found among them.

   The subscriber is an XSUB, which subscribes by messages and looks at nothing that it receives. */
#include "receiving.h"
#include "resources.h"

/* Devices of regions, as they would be named: the beginnings are shared, the ends are not. */
static int write_topic (char *place, size_t size, int64_t number)
{
    return snprintf (place, size, "region-%02d/device-%06d", (int) (number % 100), (int) (number / 100));
}

/* Every number below `count` once, in an order that no cache foresees. */
static int64_t shuffled (int64_t step, int64_t count)
{
    return step * 7368787 % count;
}

static void publish (void *socket)
{
    char *payload = calloc (1, options.size + 64);
    for (int64_t step = 0; go_on (); step++) {
        const int64_t number = shuffled (step % options.count, options.count);
        payload[write_topic (payload, 64, number)] = '-';
        if (zmq_send (socket, payload, options.size, 0) == -1 && zmq_errno () != EAGAIN)
            fail ("send");
    }
    free (payload);
}

/* Every subscription comes to the application, too. */
static void take_subscriptions (void *socket)
{
    char topic[64];
    set_int (socket, ZMQ_RCVTIMEO, 30000);
    for (int i = 0; i < options.count; i++)
        CHECK (zmq_recv (socket, topic, sizeof topic, 0));
}

static void publisher (void *context)
{
    void *socket = open_socket (context, ZMQ_XPUB);
    set_int (socket, ZMQ_XPUB_NODROP, 1);
    const long before = settled ();
    bind_server (socket);
    take_subscriptions (socket);
    atomic_store (&meeting->progress, now ());
    atomic_store (&meeting->other_bytes, settled () - before);
    publish (socket);
    leave ();
    zmq_close (socket);
}

static void subscriber (void *context)
{
    void *socket = open_socket (context, ZMQ_XSUB);
    char subscription[64] = "\1";
    /* No subscription may be lost, and the time it takes is not to be the sender's waiting. */
    set_int (socket, ZMQ_SNDHWM, options.count * 2);
    connect_client (socket);
    const int64_t start = now ();
    for (int64_t i = 0; i < options.count; i++) {
        const int size = 1 + write_topic (subscription + 1, sizeof subscription - 1, i);
        CHECK (zmq_send (socket, subscription, size, 0));
    }
    measure_receiving (socket);
    printf ("added=%.1f\n", (double) (atomic_load (&meeting->progress) - start) / options.count);
    printf ("bytes=%.1f\n", (double) atomic_load (&meeting->other_bytes) / options.count);
    zmq_close (socket);
}

int main (int argc, char **argv)
{
    options.count = 1000000;
    options.limit = 60;
    read_options (argc, argv);
    run_sides (subscriber, publisher, NULL);
    return 0;
}
