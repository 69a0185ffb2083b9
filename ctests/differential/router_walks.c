/* ROUTER with random peers, sizes and numbers of parts, each part received and sent by whichever of the
   two interfaces, with the state asked for in between; and what may happen between a routing id and what
   is behind it. */
#include "observe.h"
#include "observe/random.h"

enum { PEERS = 3, STEPS = 3000, LARGE = 40000 };

static void *router, *peers[PEERS];
static char endpoint[128], body[LARGE];
static const char *const names[] = {"A", "a name of more than thirty-three bytes, in place", "c\1"};
static size_t random_size (void)
{
    switch (below (16)) {
    case 0: return 0;
    case 1: return 1000 + below (3000);
    case 2: return LARGE - below (2);
    default: return below (120);
    }
}

static int random_send (void *socket, const char *data, size_t size, int flags)
{
    if (below (3))
        return zmq_send (socket, data, size, flags);
    zmq_msg_t message;
    MUST (zmq_msg_init_size (&message, size));
    memcpy (zmq_msg_data (&message), data, size);
    const int sent = zmq_msg_send (&message, socket, flags);
    if (sent == -1) {
        const int error = zmq_errno ();
        MUST (zmq_msg_close (&message));
        errno = error;
    }
    return sent;
}

/* Size and ends of a part, and what is known of it; false when there is none. */
static int random_receive (const char *who, void *socket)
{
    static char place[LARGE];
    const char *known = "";
    int size;
    memset (place, '?', 8);
    int error = 0;
    if (below (3)) {
        static const size_t rooms[] = {LARGE, LARGE, 2, 64, 0};
        const size_t room = rooms[below (5)];
        size = zmq_recv (socket, place, room, ZMQ_DONTWAIT);
        known = room == 2 ? "in two " : "";
        error = zmq_errno ();
    } else {
        zmq_msg_t message;
        MUST (zmq_msg_init (&message));
        size = zmq_msg_recv (&message, socket, ZMQ_DONTWAIT);
        error = zmq_errno ();
        if (size != -1) {
            memcpy (place, zmq_msg_data (&message), size < LARGE ? (size_t) size : LARGE);
            known = zmq_msg_gets (&message, "Socket-Type") ? "with type " : "without ";
            if (zmq_msg_more (&message))
                known = zmq_msg_gets (&message, "Socket-Type") ? "more, with type " : "more ";
        }
        MUST (zmq_msg_close (&message));
    }
    if (size == -1) {
        printf ("%s: %s\n", who, zmq_strerror (error));
        return 0;
    }
    printf ("%s: %s%d %.2s%s\n", who, known, size, place, integer_option (socket, ZMQ_RCVMORE) ? "," : ";");
    return 1;
}

static void peer_sends (int peer)
{
    for (int parts = 1 + (int) below (6) / 4 + (int) below (6) / 5; parts > 0; parts--) {
        const size_t size = random_size ();
        memset (body, 'a' + (int) below (26), size);
        printf ("%d sends %d\n", peer, random_send (peers[peer], body, size, ZMQ_DONTWAIT | (parts > 1 ? ZMQ_SNDMORE : 0)));
    }
}

/* Parts as they come, whatever the one before was. */
static void router_sends (void)
{
    static int in_message;
    const int more = below (3) > 0 ? ZMQ_SNDMORE : 0;
    if (in_message || below (5) == 0) {
        const size_t size = random_size ();
        memset (body, 'A' + (int) below (26), size);
        const int sent = random_send (router, body, size, more | ZMQ_DONTWAIT);
        printf ("part %zu %s: %d %s\n", size, more ? "more" : "last", sent, sent == -1 ? zmq_strerror (zmq_errno ()) : "");
        in_message = sent == -1 ? in_message : more != 0;
        return;
    }
    const unsigned to = below (PEERS + 1);
    const char *name = to < PEERS ? names[to] : "nobody";
    const int sent = random_send (router, name, strlen (name), more | ZMQ_DONTWAIT);
    printf ("to %u %s: %d %s\n", to, more ? "more" : "last", sent, sent == -1 ? zmq_strerror (zmq_errno ()) : "");
    in_message = sent == -1 ? in_message : more != 0;
}

static void open_peers (void *context)
{
    for (int i = 0; i < PEERS; i++) {
        peers[i] = open_socket (context, ZMQ_DEALER);
        MUST (set_text (peers[i], ZMQ_ROUTING_ID, names[i]));
        MUST (zmq_connect (peers[i], endpoint));
        integer_option (router, ZMQ_EVENTS);
    }
}

static void walk (void *context, const char *name, int mandatory)
{
    section ("%s", name);
    router = open_socket (context, ZMQ_ROUTER);
    MUST (set_int (router, ZMQ_ROUTER_MANDATORY, mandatory));
    MUST (zmq_bind (router, INPROC_NAME (endpoint)));
    open_peers (context);
    /* The only one to have messages waiting: whose turn it is among several is not the same everywhere. */
    int talker = 0;
    for (int step = 0; step < STEPS; step++) {
        const unsigned what = below (10);
        const int peer = (int) below (PEERS);
        if (what < 2)
            peer_sends (talker);
        else if (what < 5)
            talker = random_receive ("router", router) ? talker : peer;
        else if (what < 7)
            router_sends ();
        else if (what == 7)
            printf ("events %d\n", integer_option (router, ZMQ_EVENTS));
        else
            while (random_receive ("peer", peers[peer]))
                ;
    }
    for (int i = 0; i < PEERS; i++)
        zmq_close (peers[i]);
    zmq_close (router);
}

/* Something happens after the router has handed out an id. */
enum event { CLOSED, TAKEN_OVER, ASKED, LEFT };

static void between (void *context, const char *name, enum event event, int parts)
{
    section ("%s between the id and %d parts", name, parts);
    char place[64];
    router = open_socket (context, ZMQ_ROUTER);
    MUST (set_int (router, ZMQ_ROUTER_HANDOVER, 1));
    void *peer = open_socket (context, ZMQ_DEALER), *other = NULL;
    MUST (set_text (peer, ZMQ_ROUTING_ID, "peer"));
    void *binds = event == LEFT ? peer : router, *connects = event == LEFT ? router : peer;
    MUST (zmq_bind (binds, INPROC_NAME (endpoint)));
    MUST (zmq_connect (connects, endpoint));
    for (int message = 0; message < 2; message++)
        for (int part = parts; part > 0; part--)
            MUST (zmq_send (peer, "body", 4, part > 1 ? ZMQ_SNDMORE : 0));
    SHOW (zmq_recv (router, place, sizeof place, 0));
    switch (event) {
    case CLOSED:
        zmq_close (peer);
        sleep_ms (20);
        integer_option (router, ZMQ_EVENTS);
        break;
    case TAKEN_OVER:
        other = open_socket (context, ZMQ_DEALER);
        MUST (set_text (other, ZMQ_ROUTING_ID, "peer"));
        MUST (zmq_connect (other, endpoint));
        integer_option (router, ZMQ_EVENTS);
        break;
    case ASKED: integer_option (router, ZMQ_EVENTS); break;
    case LEFT:
        SHOW (zmq_disconnect (router, endpoint));
        sleep_ms (20);
        integer_option (router, ZMQ_EVENTS);
        break;
    }
    for (int part = 0; part < parts; part++) {
        SHOW (zmq_recv (router, place, sizeof place, ZMQ_DONTWAIT));
        printf ("more: %d\n", integer_option (router, ZMQ_RCVMORE));
    }
    if (other)
        MUST (zmq_send (other, "from the other", 14, 0));
    if (event != LEFT)
        SHOW (zmq_recv (router, place, sizeof place, ZMQ_DONTWAIT));
    if (event != CLOSED)
        zmq_close (peer);
    if (other)
        zmq_close (other);
    zmq_close (router);
}

int main (void)
{
    void *context = zmq_ctx_new ();
    for (random_state = 1; random_state < 4; random_state++) {
        const unsigned seed = random_state;
        walk (context, "any peer", 0);
        walk (context, "mandatory", 1);
        random_state = seed;
    }
    for (int parts = 1; parts <= 2; parts++) {
        between (context, "the end of the peer", CLOSED, parts);
        between (context, "another with that id", TAKEN_OVER, parts);
        between (context, "a question", ASKED, parts);
    }
    /* With more parts libzmq aborts. */
    between (context, "a disconnect", LEFT, 1);
    zmq_ctx_term (context);
    return 0;
}
