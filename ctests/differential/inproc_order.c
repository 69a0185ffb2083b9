/* inproc endpoints: connecting before binding, names, several connections, unbinding, closing. */
#include "observe.h"

static char buffer[64];

static void connect_first (void *context)
{
    section ("connect before bind");
    void *push = open_socket (context, ZMQ_PUSH);
    void *pull = open_socket (context, ZMQ_PULL);
    SHOW (zmq_connect (push, "inproc://later"));
    show_events ("PUSH", push);
    SHOW (send_text (push, "one", 0));
    SHOW (send_parts (push, "two", "parts", NULL));
    SHOW (zmq_bind (pull, "inproc://later"));
    show_message ("PULL", pull);
    show_message ("PULL", pull);
    SHOW (send_text (push, "three", 0));
    show_message ("PULL", pull);
    zmq_close (push);
    zmq_close (pull);
}

static void several_first (void *context)
{
    section ("several connections before bind");
    void *dealer[3];
    void *router = open_socket (context, ZMQ_ROUTER);
    for (int i = 0; i < 3; i++) {
        const char name[2] = {(char) ('a' + i), 0};
        dealer[i] = open_socket (context, ZMQ_DEALER);
        MUST (set_text (dealer[i], ZMQ_ROUTING_ID, name));
        MUST (zmq_connect (dealer[i], "inproc://several"));
        MUST (send_text (dealer[i], name, 0));
    }
    MUST (zmq_bind (router, "inproc://several"));
    for (int i = 0; i < 3; i++)
        show_message ("ROUTER", router);
    for (int i = 0; i < 3; i++) {
        const char name[2] = {(char) ('a' + i), 0};
        MUST (send_parts (router, name, "back", NULL));
        show_message ("DEALER", dealer[i]);
        zmq_close (dealer[i]);
    }
    zmq_close (router);
}

static void never_bound (void *context)
{
    section ("closed before anybody binds");
    void *push = open_socket (context, ZMQ_PUSH);
    MUST (zmq_connect (push, "inproc://never"));
    MUST (send_text (push, "lost", 0));
    SHOW (zmq_close (push));
    void *pull = open_socket (context, ZMQ_PULL);
    SHOW (zmq_bind (pull, "inproc://never"));
    show_silence ("PULL", pull);
    show_events ("PULL", pull);
    zmq_close (pull);

    section ("disconnected before anybody binds");
    push = open_socket (context, ZMQ_PUSH);
    pull = open_socket (context, ZMQ_PULL);
    MUST (zmq_connect (push, "inproc://never2"));
    MUST (send_text (push, "lost", 0));
    SHOW (zmq_disconnect (push, "inproc://never2"));
    show_events ("PUSH", push);
    SHOW (send_text (push, "x", ZMQ_DONTWAIT));
    SHOW (zmq_bind (pull, "inproc://never2"));
    show_silence ("PULL", pull);
    SHOW (zmq_connect (push, "inproc://never2"));
    SHOW (send_text (push, "through", 0));
    show_message ("PULL", pull);
    zmq_close (push);
    zmq_close (pull);
}

static void subscriber_first (void *context)
{
    section ("a subscriber before its publisher");
    void *sub = open_socket (context, ZMQ_SUB);
    void *xpub = open_socket (context, ZMQ_XPUB);
    MUST (set_text (sub, ZMQ_SUBSCRIBE, "a"));
    MUST (zmq_connect (sub, "inproc://pubsub"));
    MUST (set_text (sub, ZMQ_SUBSCRIBE, "b"));
    MUST (zmq_bind (xpub, "inproc://pubsub"));
    show_message ("XPUB", xpub);
    show_message ("XPUB", xpub);
    MUST (send_text (xpub, "a1", 0));
    MUST (send_text (xpub, "c1", 0));
    MUST (send_text (xpub, "b1", 0));
    show_message ("SUB", sub);
    show_message ("SUB", sub);
    show_silence ("SUB", sub);
    zmq_close (sub);
    zmq_close (xpub);
}

static void request_first (void *context)
{
    section ("a request before its server");
    void *req = open_socket (context, ZMQ_REQ);
    void *rep = open_socket (context, ZMQ_REP);
    MUST (zmq_connect (req, "inproc://server"));
    MUST (send_text (req, "question", 0));
    MUST (zmq_bind (rep, "inproc://server"));
    show_message ("REP", rep);
    MUST (send_text (rep, "answer", 0));
    show_message ("REQ", req);
    zmq_close (req);
    zmq_close (rep);
}

static void own_endpoint (void *context)
{
    section ("a socket connected to itself");
    void *dealer = open_socket (context, ZMQ_DEALER);
    SHOW (zmq_bind (dealer, "inproc://self"));
    SHOW (zmq_connect (dealer, "inproc://self"));
    show_events ("DEALER", dealer);
    SHOW (send_text (dealer, "one", ZMQ_DONTWAIT));
    SHOW (send_text (dealer, "two", ZMQ_DONTWAIT));
    show_message ("DEALER", dealer);
    show_message ("DEALER", dealer);
    SHOW (zmq_close (dealer));
}

static void twice (void *context)
{
    section ("connected twice to one name");
    void *push = open_socket (context, ZMQ_PUSH);
    void *pull = open_socket (context, ZMQ_PULL);
    MUST (zmq_bind (pull, "inproc://twice"));
    SHOW (zmq_connect (push, "inproc://twice"));
    SHOW (zmq_connect (push, "inproc://twice"));
    for (int i = 0; i < 4; i++) {
        const char text[2] = {(char) ('0' + i), 0};
        MUST (send_text (push, text, 0));
    }
    for (int i = 0; i < 4; i++)
        show_message ("PULL", pull);
    SHOW (zmq_disconnect (push, "inproc://twice"));
    show_events ("PUSH", push);
    SHOW (zmq_disconnect (push, "inproc://twice"));
    zmq_close (push);
    zmq_close (pull);
}

static void unbound (void *context)
{
    section ("unbinding leaves connections as they are");
    void *push = open_socket (context, ZMQ_PUSH);
    void *pull = open_socket (context, ZMQ_PULL);
    void *other = open_socket (context, ZMQ_PUSH);
    void *heir = open_socket (context, ZMQ_PULL);
    MUST (zmq_bind (pull, "inproc://unbound"));
    MUST (zmq_connect (push, "inproc://unbound"));
    SHOW (zmq_unbind (pull, "inproc://unbound"));
    SHOW (send_text (push, "old connection", ZMQ_DONTWAIT));
    show_message ("PULL", pull);
    SHOW (zmq_bind (heir, "inproc://unbound"));
    SHOW (zmq_connect (other, "inproc://unbound"));
    SHOW (send_text (other, "new connection", ZMQ_DONTWAIT));
    show_message ("heir", heir);
    show_silence ("PULL", pull);
    zmq_close (push);
    zmq_close (pull);
    zmq_close (other);
    zmq_close (heir);
}

static void closed_binder (void *context)
{
    section ("the bound socket closes");
    void *push = open_socket (context, ZMQ_PUSH);
    void *pull = open_socket (context, ZMQ_PULL);
    MUST (zmq_bind (pull, "inproc://closing"));
    MUST (zmq_connect (push, "inproc://closing"));
    MUST (send_text (push, "unread", 0));
    SHOW (zmq_close (pull));
    await_no_events (push, ZMQ_POLLOUT);
    SHOW (send_text (push, "late", ZMQ_DONTWAIT));
    pull = open_socket (context, ZMQ_PULL);
    while (zmq_bind (pull, "inproc://closing") == -1)
        sleep_ms (1);
    show_silence ("new PULL", pull);
    show_events ("PUSH", push);
    SHOW (zmq_connect (push, "inproc://closing"));
    SHOW (send_text (push, "again", ZMQ_DONTWAIT));
    show_message ("new PULL", pull);
    zmq_close (push);
    zmq_close (pull);
}

static void disconnected_after_the_end (void *context)
{
    section ("disconnected from a socket that is closed, with messages left");
    void *push = open_socket (context, ZMQ_PUSH);
    void *pull = open_socket (context, ZMQ_PULL);
    MUST (zmq_bind (push, "inproc://left"));
    MUST (zmq_connect (pull, "inproc://left"));
    for (int i = 0; i < 3; i++)
        MUST (send_text (push, "left behind", 0));
    show_message ("PULL", pull);
    SHOW (zmq_close (push));
    push = open_socket (context, ZMQ_PUSH);
    while (zmq_bind (push, "inproc://left") == -1)
        sleep_ms (1);
    /* The end of the first PUSH has arrived by the time its name is free and the PULL has looked. */
    sleep_ms (QUIET_MS);
    show_events ("PULL", pull);
    SHOW (zmq_disconnect (pull, "inproc://left"));
    SHOW (zmq_disconnect (pull, "inproc://left"));
    show_message ("PULL", pull);
    show_message ("PULL", pull);
    show_silence ("PULL", pull);
    zmq_close (push);
    zmq_close (pull);
}

static void two_contexts (void *context)
{
    section ("names belong to one context");
    void *other = zmq_ctx_new ();
    void *pull = open_socket (context, ZMQ_PULL);
    void *foreign = open_socket (other, ZMQ_PULL);
    void *push = open_socket (other, ZMQ_PUSH);
    SHOW (zmq_bind (pull, "inproc://shared name"));
    SHOW (zmq_bind (foreign, "inproc://shared name"));
    SHOW (zmq_connect (push, "inproc://shared name"));
    SHOW (send_text (push, "stays inside", 0));
    show_message ("same context", foreign);
    show_silence ("other context", pull);
    zmq_close (pull);
    zmq_close (foreign);
    zmq_close (push);
    SHOW (zmq_ctx_term (other));
}

/* Incompatible kinds: over inproc nothing checks them. */
static void incompatible (void *context)
{
    section ("kinds that do not fit");
    void *a = open_socket (context, ZMQ_PUSH);
    void *b = open_socket (context, ZMQ_PUSH);
    MUST (zmq_bind (a, "inproc://unfit"));
    SHOW (zmq_connect (b, "inproc://unfit"));
    await_events (a, 0);
    SHOW (send_text (b, "to a PUSH", ZMQ_DONTWAIT));
    SHOW (zmq_recv (a, buffer, sizeof buffer, ZMQ_DONTWAIT));
    zmq_close (a);
    zmq_close (b);
}

static void metadata (void *context)
{
    section ("metadata over inproc");
    zmq_msg_t message;
    void *push = open_socket (context, ZMQ_PUSH);
    void *pull = open_socket (context, ZMQ_PULL);
    MUST (zmq_bind (pull, "inproc://metadata"));
    MUST (zmq_connect (push, "inproc://metadata"));
    MUST (send_text (push, "x", 0));
    zmq_msg_init (&message);
    SHOW (zmq_msg_recv (&message, pull, 0));
    SHOW_POINTER (zmq_msg_gets (&message, "Socket-Type"));
    SHOW_POINTER (zmq_msg_gets (&message, "Peer-Address"));
    SHOW (zmq_msg_get (&message, ZMQ_SRCFD));
    zmq_msg_close (&message);
    zmq_close (push);
    zmq_close (pull);
}

int main (void)
{
    void *context = zmq_ctx_new ();
    connect_first (context);
    several_first (context);
    never_bound (context);
    subscriber_first (context);
    request_first (context);
    own_endpoint (context);
    twice (context);
    unbound (context);
    closed_binder (context);
    disconnected_after_the_end (context);
    two_contexts (context);
    incompatible (context);
    metadata (context);
    SHOW (zmq_ctx_term (context));
    return 0;
}
