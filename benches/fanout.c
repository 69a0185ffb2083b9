/* One PUB to many SUB sockets, or one PUSH to many PULL sockets: messages per second that reach them,
   all together.

   With `--drop 0` the publisher waits for its slowest subscriber, with `--drop 1` it drops as PUB does
   by default. With `--topics N` each subscriber has N topics of its own, and every message is for one
   of them. */
#include "rounds.h"

#define TOPIC_SIZE 13

static int pushes (void)
{
    return strcmp (options.kind, "push") == 0;
}

static void write_topic (char *place, int number)
{
    char text[32];
    snprintf (text, sizeof text, "topic-%07d", number);
    memcpy (place, text, TOPIC_SIZE);
}

static char *all_topics (int count)
{
    char *topics = calloc (count + 1, TOPIC_SIZE);
    for (int i = 0; i < count; i++)
        write_topic (topics + (size_t) i * TOPIC_SIZE, i);
    return topics;
}

static void distributor (void *context)
{
    void *socket = open_socket (context, pushes () ? ZMQ_PUSH : ZMQ_PUB);
    char *payload = calloc (1, options.size + TOPIC_SIZE);
    const int topic_count = options.count * options.topics;
    char *topics = all_topics (topic_count);
    if (!pushes ())
        set_int (socket, ZMQ_XPUB_NODROP, !options.drop);
    bind_server (socket);
    for (int64_t next = 0; go_on (); next = topic_count ? (next + 7919) % topic_count : 0) {
        if (topic_count)
            memcpy (payload, topics + next * TOPIC_SIZE, TOPIC_SIZE);
        if (zmq_send (socket, payload, options.size, 0) == -1 && zmq_errno () != EAGAIN)
            fail ("send");
    }
    leave ();
    zmq_close (socket);
    free (topics);
    free (payload);
}

/* Receivers that have got something, of their last topic if they have some; all have when the
   warm-up begins. */
static int awake;
static char *received_before;

static int is_last_topic (int receiver)
{
    char last[TOPIC_SIZE];
    write_topic (last, (receiver + 1) * options.topics - 1);
    return memcmp (payload, last, TOPIC_SIZE) == 0;
}

static void note_first (int receiver)
{
    if (received_before[receiver] || (options.topics && !is_last_topic (receiver)))
        return;
    received_before[receiver] = 1;
    awake++;
}

/* Takes from each subscriber what is there, but not so much that others overflow meanwhile. */
static int64_t receive_round (void)
{
    int64_t received = 0;
    for (int i = 0; i < options.count; i++) {
        int taken = 0;
        while (taken < 64) {
            const int rc = zmq_recv (items[i].socket, payload, options.size, ZMQ_DONTWAIT);
            if (rc == -1 && zmq_errno () == EAGAIN)
                break;
            CHECK (rc);
            taken++;
            note_first (i);
        }
        received += taken;
    }
    if (received == 0)
        CHECK (zmq_poll (items, options.count, 100));
    return received;
}

static void *open_receiver (void *context, int number)
{
    void *socket = open_socket (context, pushes () ? ZMQ_PULL : ZMQ_SUB);
    /* Subscriptions are messages, too. */
    if (options.topics)
        set_int (socket, ZMQ_SNDHWM, options.hwm + options.topics);
    for (int i = 0; i < options.topics; i++) {
        char topic[TOPIC_SIZE];
        write_topic (topic, number * options.topics + i);
        CHECK (zmq_setsockopt (socket, ZMQ_SUBSCRIBE, topic, TOPIC_SIZE));
    }
    if (!options.topics && !pushes ())
        CHECK (zmq_setsockopt (socket, ZMQ_SUBSCRIBE, "", 0));
    return socket;
}

static void receivers (void *context)
{
    make_items (options.size + TOPIC_SIZE);
    received_before = calloc (options.count, 1);
    for (int i = 0; i < options.count; i++) {
        items[i].socket = open_receiver (context, i);
        items[i].events = ZMQ_POLLIN;
        connect_client (items[i].socket);
    }
    while (awake < options.count)
        receive_round ();
    const struct measured measured = measure_rounds (receive_round);
    while (!others_left ())
        receive_round ();
    print_measured (&measured);
    close_items ();
    free (received_before);
}

int main (int argc, char **argv)
{
    read_options (argc, argv);
    run_sides (receivers, distributor, NULL);
    return 0;
}
