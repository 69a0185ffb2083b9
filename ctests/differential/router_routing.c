/* ROUTER's table of peers: ids given and taken, HANDOVER, MANDATORY, PROBE, NOTIFY, CONNECT_ROUTING_ID. */
#include "observe.h"

static char buffer[64];

static void *open_dealer (void *context, const char *id, const char *endpoint)
{
    void *dealer = open_socket (context, ZMQ_DEALER);
    if (id)
        MUST (set_text (dealer, ZMQ_ROUTING_ID, id));
    MUST (zmq_connect (dealer, endpoint));
    return dealer;
}

static void mandatory (void *context, const char *transport)
{
    char endpoint[128];
    section ("MANDATORY over %s", transport);
    void *r = open_socket (context, ZMQ_ROUTER);
    if (strcmp (transport, "tcp") == 0)
        BIND_TCP (r, endpoint);
    else
        MUST (zmq_bind (r, INPROC_NAME (endpoint)));
    SHOW (send_parts (r, "nobody", "lost", NULL));
    SHOW (set_int (r, ZMQ_ROUTER_MANDATORY, 1));
    show_events ("ROUTER without peers", r);
    SHOW (send_text (r, "nobody", ZMQ_SNDMORE));
    SHOW (send_text (r, "nobody", ZMQ_SNDMORE | ZMQ_DONTWAIT));
    SHOW (send_text (r, "nobody", 0));
    void *d = open_dealer (context, "peer", endpoint);
    MUST (send_text (d, "hello", 0));
    show_message ("ROUTER", r);
    show_events ("ROUTER with a peer", r);
    SHOW (send_parts (r, "peer", "found", NULL));
    show_message ("DEALER", d);
    SHOW (send_text (r, "other", ZMQ_SNDMORE));
    SHOW (send_parts (r, "peer", "found", "again", NULL));
    show_message ("DEALER", d);
    zmq_close (d);
    /* The peer is forgotten some time later. */
    while (zmq_socket_get_peer_state (r, "peer", 4) != -1) {
        await_events (r, 0);
        sleep_ms (1);
    }
    printf ("gone: %s\n", errno_name (zmq_errno ()));
    SHOW (send_text (r, "peer", ZMQ_SNDMORE));
    show_events ("ROUTER", r);
    d = open_dealer (context, "peer", endpoint);
    MUST (send_text (d, "back", 0));
    show_message ("ROUTER", r);
    SHOW (send_parts (r, "peer", "found", NULL));
    show_message ("DEALER", d);
    zmq_close (d);
    zmq_close (r);
}

static void duplicate_ids (void *context, int handover)
{
    char endpoint[128];
    section ("two peers with one id, HANDOVER %d", handover);
    void *r = open_socket (context, ZMQ_ROUTER);
    void *monitor = open_monitor (context, r, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    SHOW (set_int (r, ZMQ_ROUTER_HANDOVER, handover));
    BIND_TCP (r, endpoint);
    void *first = open_dealer (context, "same", endpoint);
    await_event (monitor, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    MUST (send_text (first, "from first", 0));
    show_message ("ROUTER", r);
    MUST (send_parts (r, "same", "to first", NULL));
    show_message ("first", first);
    void *second = open_dealer (context, "same", endpoint);
    MUST (send_text (second, "from second", 0));
    await_event (monitor, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    if (handover)
        show_message ("ROUTER", r);
    else
        show_silence ("ROUTER", r);
    MUST (send_parts (r, "same", "to whom?", NULL));
    show_message ("answered", handover ? second : first);
    show_silence ("not answered", handover ? first : second);
    close_monitor (r, monitor);
    zmq_close (first);
    zmq_close (second);
    zmq_close (r);
}

static void duplicate_ids_inproc (void *context, int handover)
{
    char endpoint[128];
    section ("two peers with one id over inproc, HANDOVER %d", handover);
    void *r = open_socket (context, ZMQ_ROUTER);
    MUST (set_int (r, ZMQ_ROUTER_HANDOVER, handover));
    MUST (zmq_bind (r, INPROC_NAME (endpoint)));
    void *first = open_dealer (context, "same", endpoint);
    MUST (send_text (first, "from first", 0));
    show_message ("ROUTER", r);
    void *second = open_dealer (context, "same", endpoint);
    MUST (send_text (second, "from second", 0));
    if (handover)
        show_message ("ROUTER", r);
    else
        show_silence ("ROUTER", r);
    MUST (send_parts (r, "same", "to whom?", NULL));
    show_message ("answered", handover ? second : first);
    show_silence ("not answered", handover ? first : second);
    zmq_close (first);
    zmq_close (second);
    zmq_close (r);
}

/* A peer that comes back under its id is reached again, connection after connection. */
static void reconnecting (void *context)
{
    char endpoint[128];
    section ("the ROUTER goes away and comes back");
    void *d = open_socket (context, ZMQ_DEALER);
    MUST (set_text (d, ZMQ_ROUTING_ID, "faithful"));
    MUST (set_int (d, ZMQ_RECONNECT_IVL, 10));
    MUST (zmq_connect (d, FREE_ENDPOINT (endpoint)));
    for (int turn = 0; turn < 3; turn++) {
        void *r = open_socket (context, ZMQ_ROUTER);
        void *watch = open_monitor (context, d, ZMQ_EVENT_DISCONNECTED);
        while (zmq_bind (r, endpoint) == -1)
            sleep_ms (1);
        MUST (send_text (d, "hello again", 0));
        attended = d;
        show_message ("ROUTER", r);
        attended = NULL;
        MUST (send_parts (r, "faithful", "welcome", NULL));
        show_message ("DEALER", d);
        zmq_close (r);
        await_event (watch, ZMQ_EVENT_DISCONNECTED);
        close_monitor (d, watch);
    }
    zmq_close (d);
}

static void connect_routing_id (void *context)
{
    char endpoint[2][128];
    section ("CONNECT_ROUTING_ID");
    void *r = open_socket (context, ZMQ_ROUTER);
    void *peers[2];
    SHOW (zmq_setsockopt (r, ZMQ_CONNECT_ROUTING_ID, "", 0));
    SHOW (zmq_setsockopt (r, ZMQ_CONNECT_ROUTING_ID, NULL, 0));
    size_t size = sizeof buffer;
    SHOW (zmq_getsockopt (r, ZMQ_CONNECT_ROUTING_ID, buffer, &size));
    MUST (set_int (r, ZMQ_ROUTER_MANDATORY, 1));
    for (int i = 0; i < 2; i++) {
        peers[i] = open_socket (context, ZMQ_DEALER);
        BIND_TCP (peers[i], endpoint[i]);
        SHOW (set_text (r, ZMQ_CONNECT_ROUTING_ID, i ? "second" : "first"));
        SHOW (zmq_connect (r, endpoint[i]));
    }
    SHOW (send_parts (r, "second", "to second", NULL));
    SHOW (send_parts (r, "first", "to first", NULL));
    for (int i = 0; i < 2; i++) {
        show_message ("peer", peers[i]);
        MUST (send_text (peers[i], "answer", 0));
        show_message ("ROUTER", r);
    }
    SHOW (zmq_disconnect (r, endpoint[0]));
    SHOW (send_text (r, "first", ZMQ_SNDMORE));
    SHOW (send_parts (r, "second", "still there", NULL));
    show_message ("peer", peers[1]);
    void *dealer = open_socket (context, ZMQ_DEALER);
    SHOW (set_text (dealer, ZMQ_CONNECT_ROUTING_ID, "x"));
    zmq_close (dealer);
    for (int i = 0; i < 2; i++)
        zmq_close (peers[i]);
    zmq_close (r);

    section ("CONNECT_ROUTING_ID over inproc, for one connection only");
    r = open_socket (context, ZMQ_ROUTER);
    for (int i = 0; i < 2; i++) {
        peers[i] = open_socket (context, ZMQ_DEALER);
        MUST (set_text (peers[i], ZMQ_ROUTING_ID, i ? "own 1" : "own 0"));
        MUST (zmq_bind (peers[i], INPROC_NAME (endpoint[i])));
    }
    MUST (set_text (r, ZMQ_CONNECT_ROUTING_ID, "given"));
    MUST (zmq_connect (r, endpoint[0]));
    MUST (zmq_connect (r, endpoint[1]));
    SHOW (send_parts (r, "given", "by the given id", NULL));
    show_message ("peer 0", peers[0]);
    MUST (send_text (peers[0], "from 0", 0));
    MUST (send_text (peers[1], "from 1", 0));
    show_message ("ROUTER", r);
    show_message ("ROUTER", r);
    for (int i = 0; i < 2; i++)
        zmq_close (peers[i]);
    zmq_close (r);
}

static void probe (void *context)
{
    static const int kinds[] = {ZMQ_DEALER, ZMQ_REQ, ZMQ_ROUTER};
    char endpoint[128];
    for (size_t i = 0; i < 3; i++) {
        section ("PROBE_ROUTER by a %s", kind_name (kinds[i]));
        void *r = open_socket (context, ZMQ_ROUTER);
        void *p = open_socket (context, kinds[i]);
        BIND_TCP (r, endpoint);
        SHOW (set_int (p, ZMQ_PROBE_ROUTER, 1));
        MUST (set_text (p, ZMQ_ROUTING_ID, "prober"));
        MUST (zmq_connect (p, endpoint));
        show_message ("ROUTER", r);
        show_silence ("ROUTER", r);
        if (kinds[i] == ZMQ_DEALER) {
            MUST (send_parts (r, "prober", "hello", NULL));
            show_message ("prober", p);
        }
        zmq_close (p);
        zmq_close (r);
    }
    section ("PROBE_ROUTER over inproc");
    void *r = open_socket (context, ZMQ_ROUTER);
    void *p = open_socket (context, ZMQ_DEALER);
    MUST (set_int (p, ZMQ_PROBE_ROUTER, 1));
    MUST (set_text (p, ZMQ_ROUTING_ID, "prober"));
    MUST (zmq_bind (r, INPROC_NAME (endpoint)));
    MUST (zmq_connect (p, endpoint));
    show_message ("ROUTER", r);
    void *pair = open_socket (context, ZMQ_PAIR);
    SHOW (set_int (pair, ZMQ_PROBE_ROUTER, 1));
    zmq_close (pair);
    zmq_close (p);
    zmq_close (r);
}

static void notify (void *context)
{
    char endpoint[128];
    section ("ROUTER_NOTIFY");
    void *r = open_socket (context, ZMQ_ROUTER);
    for (int value = -1; value <= 4; value++)
        printf ("value %d: %d\n", value, set_int (r, ZMQ_ROUTER_NOTIFY, value));
    SHOW (set_int (r, ZMQ_ROUTER_NOTIFY, ZMQ_NOTIFY_CONNECT | ZMQ_NOTIFY_DISCONNECT));
    SHOW (integer_option (r, ZMQ_ROUTER_NOTIFY));
    BIND_TCP (r, endpoint);
    void *d = open_dealer (context, "noticed", endpoint);
    show_message ("ROUTER", r);
    MUST (send_text (d, "hello", 0));
    show_message ("ROUTER", r);
    zmq_close (d);
    show_message ("ROUTER", r);
    show_silence ("ROUTER", r);
    zmq_close (r);
}

/* Messages that the socket itself sends when a peer comes, goes or is interrupted. */
static void greetings (void *context)
{
    char endpoint[128];
    section ("HELLO_MSG and DISCONNECT_MSG");
    void *r = open_socket (context, ZMQ_ROUTER);
    SHOW (zmq_setsockopt (r, ZMQ_HELLO_MSG, "H", 1));
    SHOW (zmq_setsockopt (r, ZMQ_DISCONNECT_MSG, "D", 1));
    BIND_TCP (r, endpoint);
    void *d = open_dealer (context, "peer", endpoint);
    show_message ("DEALER", d);
    show_silence ("DEALER", d);
    zmq_close (d);
    show_message ("ROUTER", r);
    show_silence ("ROUTER", r);
    zmq_close (r);
    section ("HICCUP_MSG");
    d = open_socket (context, ZMQ_DEALER);
    SHOW (zmq_setsockopt (d, ZMQ_HICCUP_MSG, "interrupted", 11));
    MUST (set_int (d, ZMQ_RECONNECT_IVL, 10));
    MUST (zmq_connect (d, FREE_ENDPOINT (endpoint)));
    r = open_socket (context, ZMQ_ROUTER);
    MUST (zmq_bind (r, endpoint));
    MUST (send_text (d, "hello", 0));
    show_message ("ROUTER", r);
    zmq_close (r);
    show_message ("DEALER", d);
    zmq_close (d);
}

/* Ids of every length, and those that are refused. */
static void id_sizes (void *context)
{
    static const size_t sizes[] = {1, 2, 4, 5, 6, 254, 255};
    char id[300], endpoint[128];
    section ("sizes of ids");
    void *r = open_socket (context, ZMQ_ROUTER);
    BIND_TCP (r, endpoint);
    memset (id, 'i', sizeof id);
    void *d = open_socket (context, ZMQ_DEALER);
    SHOW (zmq_setsockopt (d, ZMQ_ROUTING_ID, id, 0));
    SHOW (zmq_setsockopt (d, ZMQ_ROUTING_ID, id, 256));
    SHOW (zmq_setsockopt (d, ZMQ_ROUTING_ID, "\0abc", 4));
    zmq_close (d);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        d = open_socket (context, ZMQ_DEALER);
        SHOW (zmq_setsockopt (d, ZMQ_ROUTING_ID, id, sizes[i]));
        size_t size = sizeof id;
        char back[300];
        SHOW (zmq_getsockopt (d, ZMQ_ROUTING_ID, back, &size));
        SHOW (size == sizes[i] && memcmp (back, id, size) == 0);
        MUST (zmq_connect (d, endpoint));
        MUST (send_text (d, "x", 0));
        show_message ("ROUTER", r);
        MUST (zmq_send (r, id, sizes[i], ZMQ_SNDMORE));
        MUST (send_text (r, "back", 0));
        show_message ("DEALER", d);
        zmq_close (d);
    }
    zmq_close (r);
}

int main (void)
{
    void *context = zmq_ctx_new ();
    mandatory (context, "tcp");
    mandatory (context, "inproc");
    for (int handover = 0; handover < 2; handover++) {
        duplicate_ids (context, handover);
        duplicate_ids_inproc (context, handover);
    }
    reconnecting (context);
    connect_routing_id (context);
    probe (context);
    notify (context);
    greetings (context);
    id_sizes (context);
    SHOW (zmq_ctx_term (context));
    return 0;
}
