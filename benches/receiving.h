/* The side that counts what one socket receives. */
#ifndef RECEIVING_H
#define RECEIVING_H

#include "sides.h"

static void *receive_buffer;
static zmq_msg_t received_message;

/* False when nothing came in time. */
static int receive_one (void *socket)
{
    const int rc = options.api == BUFFERS ? zmq_recv (socket, receive_buffer, options.size, 0)
                                          : zmq_msg_recv (&received_message, socket, 0);
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

/* From the first message to the last: warms up, measures, and lets the others come to their end. */
static void measure_receiving (void *socket)
{
    receive_buffer = calloc (1, options.size + 1);
    CHECK (zmq_msg_init (&received_message));
    while (!receive_one (socket))
        ;
    int64_t elapsed;
    receive_for (socket, options.warm_up, &elapsed);
    enter (MEASURE);
    const int64_t cpu_before = cpu_time ();
    const int64_t received = receive_for (socket, options.seconds, &elapsed);
    const int64_t cpu = cpu_time () - cpu_before;
    enter (END);
    while (!others_left ())
        receive_one (socket);
    print_rate (received, elapsed, cpu);
    zmq_msg_close (&received_message);
    free (receive_buffer);
}

/* The whole side, where it is a bound PULL. */
static void pull_side (void *context)
{
    void *socket = open_socket (context, ZMQ_PULL);
    bind_server (socket);
    measure_receiving (socket);
    zmq_close (socket);
}

#endif
