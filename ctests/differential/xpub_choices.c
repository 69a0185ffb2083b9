/* Which subscribers of an XPUB get which messages, while random subscriptions come and go, subscribers
   are full for a time, and the options change that decide. One message often goes where the one before
   it went, for another reason. */
#include "observe.h"
#include "observe/random.h"

enum { PEERS = 4, STEPS = 1500 };

static void *xpub, *peers[PEERS];
static char endpoint[128];
/* Few and short, so that they are prefixes of each other. */
static size_t random_topic (char *place)
{
    const size_t size = below (4);
    for (size_t i = 0; i < size; i++)
        place[i] = (char) ('0' + below (5));
    place[size] = 0;
    return size;
}

static void open_peer (void *context, int number)
{
    peers[number] = open_socket (context, ZMQ_XSUB);
    MUST (set_int (peers[number], ZMQ_RCVHWM, 4));
    MUST (zmq_connect (peers[number], endpoint));
    integer_option (xpub, ZMQ_EVENTS);
}

static void subscribe_or_cancel (int peer, int subscribe)
{
    char request[8];
    request[0] = (char) subscribe;
    const size_t size = random_topic (request + 1);
    MUST (zmq_send (peers[peer], request, size + 1, 0));
    printf ("%d %c%s\n", peer, subscribe ? '+' : '-', request + 1);
}

/* The application hears of requests. In manual mode it grants each a topic of its own. Returns whether
   it heard that somebody left. */
static int hear (int manual)
{
    char request[8];
    int size, left = 0;
    integer_option (xpub, ZMQ_EVENTS);
    while ((size = zmq_recv (xpub, request, sizeof request, ZMQ_DONTWAIT)) != -1) {
        left |= size == 2 && request[0] == 0 && request[1] == '!';
        if (manual && size > 0) {
            const size_t granted = size > 2 ? (size_t) size - 2 : (size_t) size - 1;
            zmq_setsockopt (xpub, request[0] ? ZMQ_SUBSCRIBE : ZMQ_UNSUBSCRIBE, request + 1, granted);
            if (manual == 2)
                break;
        }
    }
    return left;
}

/* A subscriber goes with all its subscriptions, and another one comes. One of them nobody else has, so
   that the end of it is heard of. */
static void replace_peer (void *context, int peer, int manual)
{
    MUST (zmq_send (peers[peer], "\001!", 2, 0));
    integer_option (xpub, ZMQ_EVENTS);
    zmq_close (peers[peer]);
    while (!hear (manual))
        sleep_ms (1);
    open_peer (context, peer);
}

static void publish (void)
{
    char topic[8];
    size_t size = random_topic (topic);
    const int parts = below (8) == 0 ? 2 : 1;
    integer_option (xpub, ZMQ_EVENTS);
    for (int part = parts; part > 0; part--)
        MUST (zmq_send (xpub, topic, size, part > 1 ? ZMQ_SNDMORE : 0));
    printf ("send %s%s\n", topic, parts > 1 ? " twice" : "");
}

static void read_all (int peer)
{
    char text[8];
    int size;
    printf ("%d gets", peer);
    while ((size = zmq_recv (peers[peer], text, sizeof text, ZMQ_DONTWAIT)) != -1)
        printf (" %.*s%s", size, text, integer_option (peers[peer], ZMQ_RCVMORE) ? "," : ";");
    printf ("\n");
}

/* `often` of sixteen steps the subscribers read: then they are seldom full. */
static void walk (void *context, const char *name, int manual, int invert, int often)
{
    section ("%s", name);
    xpub = open_socket (context, ZMQ_XPUB);
    MUST (set_int (xpub, ZMQ_SNDHWM, 4));
    if (manual)
        MUST (set_int (xpub, manual == 2 ? ZMQ_XPUB_MANUAL_LAST_VALUE : ZMQ_XPUB_MANUAL, 1));
    MUST (zmq_bind (xpub, INPROC_NAME (endpoint)));
    for (int i = 0; i < PEERS; i++)
        open_peer (context, i);
    for (int step = 0; step < STEPS; step++) {
        const int peer = (int) below (PEERS);
        const unsigned what = below (64);
        if (what < 4)
            subscribe_or_cancel (peer, 1);
        else if (what < 7)
            subscribe_or_cancel (peer, 0);
        else if (what == 7 && invert)
            SHOW (set_int (xpub, ZMQ_INVERT_MATCHING, (int) below (2)));
        else if (what == 8 && below (4) == 0) {
            read_all (peer);
            replace_peer (context, peer, manual);
        } else
            publish ();
        hear (manual);
        if ((int) below (16) < often)
            for (int i = 0; i < PEERS; i++)
                read_all (i);
    }
    for (int i = 0; i < PEERS; i++) {
        read_all (i);
        zmq_close (peers[i]);
    }
    zmq_close (xpub);
}

int main (void)
{
    void *context = zmq_ctx_new ();
    walk (context, "read at once", 0, 0, 16);
    walk (context, "read now and then", 0, 0, 3);
    walk (context, "matching inverted now and then", 0, 1, 5);
    walk (context, "manual", 1, 0, 8);
    walk (context, "manual and inverted", 1, 1, 4);
    walk (context, "to the last one", 2, 0, 8);
    zmq_ctx_term (context);
    return 0;
}
