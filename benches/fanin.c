/* Many PUSH sockets to one PULL: messages per second that it receives. The senders are one thread that
   goes round them. */
#include "receiving.h"
#include "rounds.h"

/* Sends what finds room, but not so much that the others wait for long. */
static int64_t send_round (void)
{
    int64_t sent = 0;
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
    make_items (options.size + 1);
    for (int i = 0; i < options.count; i++) {
        items[i].socket = open_socket (context, ZMQ_PUSH);
        items[i].events = ZMQ_POLLOUT;
        connect_client (items[i].socket);
    }
    while (go_on ())
        if (send_round () == 0)
            CHECK (zmq_poll (items, options.count, 100));
    leave ();
    close_items ();
}

int main (int argc, char **argv)
{
    read_options (argc, argv);
    run_sides (pull_side, senders, NULL);
    return 0;
}
