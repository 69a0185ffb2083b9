/* Many PUSH sockets to one PULL: messages per second that it receives. The senders are one thread that
   goes round them. */
#include "receiving.h"

/* Sends what finds room, but not so much that the others wait for long. */
static int send_round (zmq_pollitem_t *items, const void *payload)
{
    int sent = 0;
    for (int i = 0; i < options.count; i++) {
        for (int burst = 0; burst < 64; burst++) {
            if (zmq_send (items[i].socket, payload, options.size, ZMQ_DONTWAIT) == -1) {
                if (zmq_errno () != EAGAIN)
                    fail ("send");
                break;
            }
            sent++;
        }
    }
    return sent;
}

static void senders (void *context)
{
    zmq_pollitem_t *items = calloc (options.count, sizeof *items);
    void *payload = calloc (1, options.size + 1);
    for (int i = 0; i < options.count; i++) {
        items[i].socket = open_socket (context, ZMQ_PUSH);
        items[i].events = ZMQ_POLLOUT;
        connect_client (items[i].socket);
    }
    while (go_on ())
        if (send_round (items, payload) == 0)
            CHECK (zmq_poll (items, options.count, 100));
    leave ();
    for (int i = 0; i < options.count; i++)
        zmq_close (items[i].socket);
    free (items);
    free (payload);
}

static void receiver (void *context)
{
    void *socket = open_socket (context, ZMQ_PULL);
    bind_server (socket);
    measure_receiving (socket);
    zmq_close (socket);
}

int main (int argc, char **argv)
{
    read_options (argc, argv);
    run_sides (receiver, senders, NULL);
    return 0;
}
