/* PUSH to PULL as fast as it goes: messages per second at the receiver, and the processor time both
   sides together spend on a message. */
#include "sides.h"

static void send_one (void *socket, const void *payload)
{
    int rc;
    if (options.messages_api) {
        zmq_msg_t message;
        CHECK (zmq_msg_init_size (&message, options.size));
        rc = zmq_msg_send (&message, socket, 0);
        if (rc == -1)
            zmq_msg_close (&message);
    } else
        rc = zmq_send (socket, payload, options.size, 0);
    if (rc == -1 && zmq_errno () != EAGAIN)
        fail ("send");
}

static void sender (void *context)
{
    void *socket = open_socket (context, ZMQ_PUSH);
    void *payload = calloc (1, options.size + 1);
    connect_client (socket);
    while (go_on ())
        send_one (socket, payload);
    leave ();
    zmq_close (socket);
    free (payload);
}

static void *payload;
static zmq_msg_t message;

/* False when nothing came in time. */
static int receive_one (void *socket)
{
    const int rc = options.messages_api ? zmq_msg_recv (&message, socket, 0)
                                        : zmq_recv (socket, payload, options.size, 0);
    if (rc == -1) {
        if (zmq_errno () != EAGAIN)
            fail ("receive");
        return 0;
    }
    if ((size_t) rc != options.size) {
        fprintf (stderr, "a message of %d bytes\n", rc);
        exit (1);
    }
    return 1;
}

/* Receives until the time is over, with a look at the clock at every so many messages. */
static int64_t receive_for (void *socket, double seconds, int64_t *elapsed)
{
    const int stride = options.size <= 1024 ? 128 : options.size <= 65536 ? 8 : 1;
    const int64_t start = now ();
    int64_t received = 0;
    do {
        for (int i = 0; i < stride; i++)
            received += receive_one (socket);
        *elapsed = now () - start;
    } while (*elapsed < (int64_t) (seconds * 1e9));
    return received;
}

static void receiver (void *context)
{
    void *socket = open_socket (context, ZMQ_PULL);
    payload = calloc (1, options.size + 1);
    CHECK (zmq_msg_init (&message));
    bind_server (socket);
    while (!receive_one (socket))
        ;
    int64_t elapsed;
    receive_for (socket, options.warm_up, &elapsed);
    enter (MEASURE);
    const int64_t cpu_before = cpu_time ();
    const int64_t received = receive_for (socket, options.seconds, &elapsed);
    const int64_t cpu = cpu_time () - cpu_before;
    enter (END);
    while (!other_left ())
        receive_one (socket);
    if (received == 0) {
        fprintf (stderr, "no message came\n");
        exit (1);
    }
    const double per_message = (double) (cpu + atomic_load (&meeting->other_cpu)) / received;
    printf ("rate=%.1f\ncpu=%.2f\n", received * 1e9 / elapsed, per_message);
    zmq_msg_close (&message);
    zmq_close (socket);
    free (payload);
}

int main (int argc, char **argv)
{
    read_options (argc, argv);
    print_library ();
    fflush (stdout);
    run_sides (receiver, sender);
    return 0;
}
