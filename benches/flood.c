/* A ROUTER that answers some DEALER clients with one request each under way, while another connection
   sends as much as it can: answers per second that the clients get, and which share of what they got
   before the flood that is. */
#include "sides.h"

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

static zmq_pollitem_t *items;
static char *payload;

static int64_t ask_for (double seconds, int64_t *elapsed)
{
    const int64_t start = now ();
    int64_t answers = 0;
    do {
        CHECK (zmq_poll (items, options.count, 100));
        for (int i = 0; i < options.count; i++) {
            if (!(items[i].revents & ZMQ_POLLIN))
                continue;
            CHECK (zmq_recv (items[i].socket, payload, options.size, 0));
            CHECK (zmq_send (items[i].socket, payload, options.size, 0));
            answers++;
        }
        *elapsed = now () - start;
    } while (*elapsed < (int64_t) (seconds * 1e9));
    return answers;
}

static void clients (void *context)
{
    items = calloc (options.count, sizeof *items);
    payload = calloc (1, options.size + 1);
    *payload = QUESTION;
    for (int i = 0; i < options.count; i++) {
        items[i].socket = open_socket (context, ZMQ_DEALER);
        items[i].events = ZMQ_POLLIN;
        connect_client (items[i].socket);
        CHECK (zmq_send (items[i].socket, payload, options.size, 0));
    }
    int64_t elapsed_before, elapsed;
    ask_for (options.warm_up, &elapsed);
    const int64_t before = ask_for (options.seconds, &elapsed_before);
    atomic_store (&meeting->progress, 1);
    ask_for (options.warm_up, &elapsed);
    enter (MEASURE);
    const int64_t cpu_before = cpu_time ();
    const int64_t answers = ask_for (options.seconds, &elapsed);
    const int64_t cpu = cpu_time () - cpu_before;
    enter (END);
    while (!others_left ())
        usleep (200);
    print_rate (answers, elapsed, cpu);
    printf ("kept=%.4f\n", ((double) answers / elapsed) / ((double) before / elapsed_before));
    for (int i = 0; i < options.count; i++)
        zmq_close (items[i].socket);
    free (items);
    free (payload);
}

int main (int argc, char **argv)
{
    read_options (argc, argv);
    run_sides (clients, server, flooder);
    return 0;
}
