/* A ROUTER that answers some DEALER clients with one request each under way, while another connection
   sends as much as it can: answers per second that the clients get, and which share of what they got
   before the flood that is. */
#include "rounds.h"

/* What the first byte of a message says. */
enum
{
    QUESTION = '?',
    FLOOD = '~'
};

static void server (void *context)
{
    void *socket = open_socket (context, ZMQ_ROUTER);
    char name[256];
    char *payload = calloc (1, options.size + 1);
    bind_server (socket);
    while (go_on ()) {
        const int name_size = zmq_recv (socket, name, sizeof name, 0);
        if (name_size == -1) {
            if (zmq_errno () != EAGAIN)
                fail ("receive");
            continue;
        }
        CHECK (zmq_recv (socket, payload, options.size, 0));
        if (*payload == FLOOD)
            continue;
        CHECK (zmq_send (socket, name, name_size, ZMQ_SNDMORE));
        CHECK (zmq_send (socket, payload, options.size, 0));
    }
    leave ();
    zmq_close (socket);
    free (payload);
}

static void flooder (void *context)
{
    void *socket = open_socket (context, ZMQ_DEALER);
    char *payload = calloc (1, options.size + 1);
    *payload = FLOOD;
    connect_client (socket);
    while (!atomic_load (&meeting->progress))
        usleep (200);
    while (go_on ())
        if (zmq_send (socket, payload, options.size, 0) == -1 && zmq_errno () != EAGAIN)
            fail ("send");
    leave ();
    zmq_close (socket);
    free (payload);
}

/* Asks again for each answer. */
static int64_t answers_of_round (void)
{
    int64_t answers = 0;
    CHECK (zmq_poll (items, options.count, 100));
    for (int i = 0; i < options.count; i++) {
        if (!(items[i].revents & ZMQ_POLLIN))
            continue;
        CHECK (zmq_recv (items[i].socket, payload, options.size, 0));
        CHECK (zmq_send (items[i].socket, payload, options.size, 0));
        answers++;
    }
    return answers;
}

static void clients (void *context)
{
    make_items (options.size + 1);
    *payload = QUESTION;
    for (int i = 0; i < options.count; i++) {
        items[i].socket = open_socket (context, ZMQ_DEALER);
        items[i].events = ZMQ_POLLIN;
        connect_client (items[i].socket);
        CHECK (zmq_send (items[i].socket, payload, options.size, 0));
    }
    rounds_for (answers_of_round, options.warm_up);
    const struct measured before = rounds_for (answers_of_round, options.seconds);
    atomic_store (&meeting->progress, 1);
    const struct measured after = measure_rounds (answers_of_round);
    await_others ();
    print_measured (&after);
    print_kept (&before, &after);
    close_items ();
}

int main (int argc, char **argv)
{
    read_options (argc, argv);
    run_sides (clients, server, flooder);
    return 0;
}
