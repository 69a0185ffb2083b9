/* PUB to SUB through a process that joins XSUB and XPUB with zmq_proxy: messages per second at the
   subscriber. Nobody drops. */
#include "proxied.h"
#include "receiving.h"

static void proxy (void *context)
{
    run_proxy (context, ZMQ_XSUB, ZMQ_XPUB);
}

static void publisher (void *context)
{
    void *socket = open_socket (context, ZMQ_PUB);
    void *payload = calloc (1, options.size + 1);
    set_int (socket, ZMQ_XPUB_NODROP, 1);
    connect_place (socket, FRONT);
    while (go_on ())
        if (zmq_send (socket, payload, options.size, 0) == -1 && zmq_errno () != EAGAIN)
            fail ("send");
    leave ();
    zmq_close (socket);
    free (payload);
}

static void subscriber (void *context)
{
    void *socket = open_socket (context, ZMQ_SUB);
    CHECK (zmq_setsockopt (socket, ZMQ_SUBSCRIBE, "", 0));
    connect_place (socket, BACK);
    measure_receiving (socket);
    zmq_close (socket);
}

int main (int argc, char **argv)
{
    read_options (argc, argv);
    run_sides (subscriber, publisher, proxy);
    return 0;
}
