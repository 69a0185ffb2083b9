/* PUSH to PULL as fast as it goes: messages per second at the receiver, and the processor time both
   sides together spend on a message. */
#include "receiving.h"

static void keep (void *data, void *hint)
{
    (void) data;
    (void) hint;
}

static int send_message (void *socket, void *payload)
{
    zmq_msg_t message;
    if (options.api == REFERENCES)
        CHECK (zmq_msg_init_data (&message, payload, options.size, keep, NULL));
    else
        CHECK (zmq_msg_init_size (&message, options.size));
    const int rc = zmq_msg_send (&message, socket, 0);
    if (rc == -1)
        zmq_msg_close (&message);
    return rc;
}

static void send_one (void *socket, void *payload)
{
    const int rc = options.api == BUFFERS ? zmq_send (socket, payload, options.size, 0)
                                          : send_message (socket, payload);
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
    /* Messages on their way may still refer to it. */
    if (options.api != REFERENCES)
        free (payload);
}

int main (int argc, char **argv)
{
    read_options (argc, argv);
    run_sides (pull_side, sender, NULL);
    return 0;
}
