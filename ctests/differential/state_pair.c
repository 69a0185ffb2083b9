/* PAIR: one peer only, both directions, parts, and what happens when the peer changes. */
#include "observe.h"

static char buffer[64];

static void basics (void *context, const char *transport)
{
    char endpoint[128];
    section ("PAIR over %s", transport);
    void *a = open_socket (context, ZMQ_PAIR);
    void *b = open_socket (context, ZMQ_PAIR);
    if (strcmp (transport, "tcp") == 0)
        BIND_TCP (a, endpoint);
    else if (strcmp (transport, "ipc") == 0)
        MUST (zmq_bind (a, strcpy (endpoint, "ipc://pair.socket")));
    else
        MUST (zmq_bind (a, INPROC_NAME (endpoint)));
    show_events ("bound", a);
    SHOW (send_text (a, "early", ZMQ_DONTWAIT));
    MUST (zmq_connect (b, endpoint));
    await_events (b, ZMQ_POLLOUT);
    await_events (a, ZMQ_POLLOUT);
    show_events ("bound", a);
    show_events ("connected", b);
    SHOW (send_text (a, "one", ZMQ_SNDMORE));
    show_events ("bound within a message", a);
    show_silence ("connected sees a part", b);
    SHOW (send_text (a, "two", ZMQ_SNDMORE | ZMQ_DONTWAIT));
    SHOW (send_text (a, "", 0));
    await_events (b, ZMQ_POLLIN);
    show_events ("connected has a message", b);
    SHOW (zmq_recv (b, buffer, 2, 0));
    SHOW (integer_option (b, ZMQ_RCVMORE));
    show_events ("connected within a message", b);
    SHOW (send_text (b, "crossing", 0));
    SHOW (integer_option (b, ZMQ_RCVMORE));
    SHOW (zmq_recv (b, NULL, 0, 0));
    SHOW (integer_option (b, ZMQ_RCVMORE));
    SHOW (zmq_recv (b, buffer, sizeof buffer, 0));
    SHOW (integer_option (b, ZMQ_RCVMORE));
    SHOW (zmq_recv (b, buffer, sizeof buffer, ZMQ_DONTWAIT));
    SHOW (integer_option (b, ZMQ_RCVMORE));
    show_message ("bound", a);
    for (int i = 0; i < 3; i++)
        MUST (send_parts (b, i == 0 ? "a" : i == 1 ? "b" : "c", "tail", NULL));
    for (int i = 0; i < 3; i++)
        show_message ("in order", a);
    zmq_close (a);
    zmq_close (b);
}

/* One attempt to be a's only peer; fails while a still has not let the old one go. */
static void *try_to_replace (void *context, void *a, const char *endpoint)
{
    zmq_pollitem_t item = {a, 0, ZMQ_POLLIN, 0};
    void *b = open_socket (context, ZMQ_PAIR);
    MUST (zmq_connect (b, endpoint));
    MUST (send_text (b, "hello", 0));
    if (zmq_poll (&item, 1, 500) > 0)
        return b;
    zmq_close (b);
    return NULL;
}

static void exclusive (void *context)
{
    section ("a third PAIR over tcp");
    char endpoint[128];
    void *a = open_socket (context, ZMQ_PAIR);
    void *monitor = open_monitor (context, a, ZMQ_EVENT_ALL);
    void *b = open_socket (context, ZMQ_PAIR);
    void *c = open_socket (context, ZMQ_PAIR);
    BIND_TCP (a, endpoint);
    MUST (zmq_connect (b, endpoint));
    MUST (send_text (b, "from b", 0));
    show_message ("a", a);
    await_event (monitor, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    MUST (zmq_connect (c, endpoint));
    await_event (monitor, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    show_silence ("a", a);
    MUST (send_text (a, "to b", 0));
    show_message ("b", b);
    show_silence ("c", c);
    close_monitor (a, monitor);
    zmq_close (a);
    zmq_close (b);
    zmq_close (c);
}

static void exclusive_inproc (void *context)
{
    section ("a third PAIR over inproc");
    char endpoint[128];
    void *a = open_socket (context, ZMQ_PAIR);
    void *b = open_socket (context, ZMQ_PAIR);
    void *c = open_socket (context, ZMQ_PAIR);
    MUST (zmq_bind (a, INPROC_NAME (endpoint)));
    MUST (zmq_connect (b, endpoint));
    SHOW (zmq_connect (c, endpoint));
    show_events ("a", a);
    show_events ("b", b);
    show_events ("c", c);
    SHOW (send_text (c, "from c", ZMQ_DONTWAIT));
    SHOW (send_text (b, "from b", ZMQ_DONTWAIT));
    show_message ("a", a);
    show_silence ("a", a);
    MUST (send_text (a, "to b", 0));
    show_message ("b", b);
    SHOW (zmq_close (b));
    await_no_events (a, ZMQ_POLLOUT);
    show_events ("a without b", a);
    zmq_close (c);
    void *d = NULL;
    for (int attempt = 0; attempt < 20 && !d; attempt++)
        d = try_to_replace (context, a, endpoint);
    show_message ("a", a);
    MUST (send_text (a, "welcome", 0));
    show_message ("d", d);
    SHOW (zmq_disconnect (d, endpoint));
    SHOW (send_text (d, "gone", ZMQ_DONTWAIT));
    await_no_events (a, ZMQ_POLLOUT);
    show_events ("a without d", a);
    zmq_close (a);
    zmq_close (d);
}

static void one_of_two (void *context)
{
    char endpoints[3][128];
    void *pair[3];
    section ("a PAIR that connects to a second peer over inproc");
    void *a = open_socket (context, ZMQ_PAIR);
    for (int i = 0; i < 3; i++) {
        pair[i] = open_socket (context, ZMQ_PAIR);
        MUST (zmq_bind (pair[i], INPROC_NAME (endpoints[i])));
    }
    MUST (zmq_connect (a, endpoints[0]));
    SHOW (zmq_connect (a, endpoints[1]));
    /* Both sides have to take part in the end of the second connection. */
    for (int turn = 0; turn < 4; turn++) {
        show_events ("second peer", pair[1]);
        show_events ("a", a);
    }
    SHOW (zmq_disconnect (a, endpoints[1]));
    SHOW (zmq_disconnect (a, endpoints[0]));
    for (int turn = 0; turn < 4; turn++) {
        show_events ("first peer", pair[0]);
        show_events ("a", a);
    }
    SHOW (zmq_connect (a, endpoints[2]));
    SHOW (zmq_disconnect (a, endpoints[1]));
    show_events ("third peer", pair[2]);
    show_events ("a", a);
    for (int i = 0; i < 3; i++)
        zmq_close (pair[i]);
    zmq_close (a);
}

static void replaced (void *context)
{
    section ("the peer of a bound PAIR is replaced over tcp");
    char endpoint[128];
    void *a = open_socket (context, ZMQ_PAIR);
    BIND_TCP (a, endpoint);
    for (int turn = 0; turn < 3; turn++) {
        void *b = NULL;
        for (int attempt = 0; attempt < 20 && !b; attempt++)
            b = try_to_replace (context, a, endpoint);
        show_message ("a", a);
        show_events ("a", a);
        MUST (send_text (a, "welcome", 0));
        show_message ("b", b);
        zmq_close (b);
        await_no_events (a, ZMQ_POLLOUT);
        show_events ("a alone", a);
        SHOW (send_text (a, "anyone?", ZMQ_DONTWAIT));
    }
    zmq_close (a);
}

static void half_message (void *context)
{
    section ("a peer leaves in the middle of a message");
    char endpoint[128];
    void *a = open_socket (context, ZMQ_PAIR);
    void *b = open_socket (context, ZMQ_PAIR);
    MUST (zmq_bind (a, INPROC_NAME (endpoint)));
    MUST (zmq_connect (b, endpoint));
    MUST (send_text (b, "whole", 0));
    MUST (send_text (b, "half", ZMQ_SNDMORE));
    zmq_close (b);
    show_message ("a", a);
    show_silence ("a", a);
    show_events ("a", a);
    zmq_close (a);
}

int main (void)
{
    void *context = zmq_ctx_new ();
    basics (context, "inproc");
    basics (context, "tcp");
    basics (context, "ipc");
    exclusive (context);
    exclusive_inproc (context);
    one_of_two (context);
    replaced (context);
    half_message (context);
    SHOW (zmq_ctx_term (context));
    return 0;
}
