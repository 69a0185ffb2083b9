/* Many DEALER clients with several requests in flight each, and a server that sends each request back:
   answers per second that the clients get. The server is a ROUTER, or with `--kind proxy` a DEALER
   behind zmq_proxy. The clients are one thread. */
#include "proxied.h"
#include "rounds.h"

static int through_proxy (void)
{
    return strcmp (options.kind, "proxy") == 0;
}

/* Client's name and body, behind a proxy as well as in front. */
static int answer_one (void *socket, char *name, char *payload)
{
    const int name_size = zmq_recv (socket, name, 256, 0);
    if (name_size == -1)
        return -1;
    CHECK (zmq_recv (socket, payload, options.size, 0));
    CHECK (zmq_send (socket, name, name_size, ZMQ_SNDMORE));
    CHECK (zmq_send (socket, payload, options.size, 0));
    return 0;
}

static void server (void *context)
{
    void *socket = open_socket (context, through_proxy () ? ZMQ_DEALER : ZMQ_ROUTER);
    char name[256];
    char *payload = calloc (1, options.size + 1);
    set_int (socket, ZMQ_SNDTIMEO, -1);
    if (through_proxy ())
        connect_place (socket, BACK);
    else
        bind_server (socket);
    while (go_on ())
        if (answer_one (socket, name, payload) == -1 && zmq_errno () != EAGAIN)
            fail ("receive");
    leave ();
    zmq_close (socket);
    free (payload);
}

static void proxy (void *context)
{
    run_proxy (context, ZMQ_ROUTER, ZMQ_DEALER);
}

/* Takes the answers that have come, and asks again for each. */
static int64_t answers_of_round (void)
{
    int64_t answers = 0;
    for (int i = 0; i < options.count; i++) {
        while (zmq_recv (items[i].socket, payload, options.size, ZMQ_DONTWAIT) != -1) {
            CHECK (zmq_send (items[i].socket, payload, options.size, 0));
            answers++;
        }
        if (zmq_errno () != EAGAIN)
            fail ("receive");
    }
    if (answers == 0)
        CHECK (zmq_poll (items, options.count, 100));
    return answers;
}

static void clients (void *context)
{
    make_items (options.size + 1);
    for (int i = 0; i < options.count; i++) {
        items[i].socket = open_socket (context, ZMQ_DEALER);
        items[i].events = ZMQ_POLLIN;
        connect_place (items[i].socket, FRONT);
        for (int sent = 0; sent < options.in_flight; sent++)
            CHECK (zmq_send (items[i].socket, payload, options.size, 0));
    }
    while (answers_of_round () == 0)
        ;
    const struct measured measured = measure_rounds (answers_of_round);
    await_others ();
    print_measured (&measured);
    close_items ();
}

int main (int argc, char **argv)
{
    options.count = 64;
    read_options (argc, argv);
    run_sides (clients, server, through_proxy () ? proxy : NULL);
    return 0;
}
