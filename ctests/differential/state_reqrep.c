/* REQ and REP: the strict turn-taking, its errors, and what relaxing it changes. */
#include "observe.h"

static char buffer[64];

static void strict (void *context, const char *transport)
{
    char endpoint[128] = "inproc://reqrep";
    section ("strict turns over %s", transport);
    void *rep = open_socket (context, ZMQ_REP);
    void *req = open_socket (context, ZMQ_REQ);
    if (strcmp (transport, "tcp") == 0)
        BIND_TCP (rep, endpoint);
    else
        MUST (zmq_bind (rep, endpoint));
    MUST (zmq_connect (req, endpoint));
    await_events (req, ZMQ_POLLOUT);

    show_events ("REQ at first", req);
    show_events ("REP at first", rep);
    SHOW (zmq_recv (req, buffer, sizeof buffer, ZMQ_DONTWAIT));
    SHOW (zmq_send (rep, "early", 5, ZMQ_DONTWAIT));
    SHOW (zmq_recv (rep, buffer, sizeof buffer, ZMQ_DONTWAIT));
    SHOW (zmq_send (req, "one", 3, ZMQ_SNDMORE));
    show_events ("REQ within a message", req);
    SHOW (zmq_recv (req, buffer, sizeof buffer, ZMQ_DONTWAIT));
    SHOW (zmq_send (req, "two", 3, 0));
    show_events ("REQ waiting", req);
    SHOW (zmq_send (req, "three", 5, ZMQ_DONTWAIT));
    SHOW (zmq_recv (req, buffer, sizeof buffer, ZMQ_DONTWAIT));

    await_events (rep, ZMQ_POLLIN);
    show_events ("REP asked", rep);
    SHOW (zmq_recv (rep, buffer, sizeof buffer, 0));
    SHOW (integer_option (rep, ZMQ_RCVMORE));
    show_events ("REP within a message", rep);
    SHOW (zmq_send (rep, "early", 5, ZMQ_DONTWAIT));
    SHOW (zmq_recv (rep, buffer, sizeof buffer, 0));
    SHOW (integer_option (rep, ZMQ_RCVMORE));
    show_events ("REP to answer", rep);
    SHOW (zmq_recv (rep, buffer, sizeof buffer, ZMQ_DONTWAIT));
    SHOW (zmq_send (rep, "uno", 3, ZMQ_SNDMORE));
    show_events ("REP within an answer", rep);
    SHOW (zmq_recv (rep, buffer, sizeof buffer, ZMQ_DONTWAIT));
    SHOW (zmq_send (rep, "due", 3, 0));
    show_events ("REP done", rep);
    SHOW (zmq_send (rep, "tre", 3, ZMQ_DONTWAIT));

    await_events (req, ZMQ_POLLIN);
    show_events ("REQ answered", req);
    SHOW (zmq_send (req, "four", 4, ZMQ_DONTWAIT));
    SHOW (zmq_recv (req, buffer, sizeof buffer, 0));
    show_events ("REQ within an answer", req);
    SHOW (zmq_send (req, "four", 4, ZMQ_DONTWAIT));
    SHOW (zmq_recv (req, buffer, sizeof buffer, 0));
    show_events ("REQ free again", req);
    SHOW (zmq_recv (req, buffer, sizeof buffer, ZMQ_DONTWAIT));
    zmq_close (req);
    zmq_close (rep);
}

static void many_clients (void *context)
{
    section ("REP answers whom it heard, in fair turns");
    void *rep = open_socket (context, ZMQ_REP);
    void *req[3];
    MUST (zmq_bind (rep, "inproc://many"));
    for (int i = 0; i < 3; i++) {
        req[i] = open_socket (context, ZMQ_REQ);
        MUST (zmq_connect (req[i], "inproc://many"));
    }
    for (int i = 2; i >= 0; i--) {
        const char name[2] = {(char) ('a' + i), 0};
        MUST (send_text (req[i], name, 0));
    }
    for (int i = 0; i < 3; i++) {
        show_message ("heard", rep);
        MUST (send_text (rep, i == 0 ? "first" : i == 1 ? "second" : "third", 0));
    }
    for (int i = 0; i < 3; i++)
        show_message (i == 0 ? "a" : i == 1 ? "b" : "c", req[i]);
    for (int i = 0; i < 3; i++)
        zmq_close (req[i]);
    zmq_close (rep);
}

static void balance (void *context)
{
    section ("REQ asks its servers in turn");
    void *req = open_socket (context, ZMQ_REQ);
    void *rep[3];
    char endpoint[32];
    for (int i = 0; i < 3; i++) {
        snprintf (endpoint, sizeof endpoint, "inproc://server%d", i);
        rep[i] = open_socket (context, ZMQ_REP);
        MUST (zmq_bind (rep[i], endpoint));
        MUST (zmq_connect (req, endpoint));
    }
    for (int turn = 0; turn < 6; turn++) {
        const char name[2] = {(char) ('0' + turn), 0};
        MUST (send_text (req, name, 0));
        for (int i = 0; i < 3; i++) {
            await_events (req, 0);
            if (zmq_recv (rep[i], buffer, sizeof buffer, ZMQ_DONTWAIT) == 1) {
                printf ("request %s at server %d\n", name, i);
                MUST (send_text (rep[i], "reply", 0));
            }
        }
        show_message ("answer", req);
    }
    zmq_close (req);
    for (int i = 0; i < 3; i++)
        zmq_close (rep[i]);
}

/* A ROUTER in the server's place can answer out of turn. */
static void options (void *context, int relaxed, int correlate)
{
    section ("RELAXED %d CORRELATE %d", relaxed, correlate);
    void *req = open_socket (context, ZMQ_REQ);
    void *router = open_socket (context, ZMQ_ROUTER);
    MUST (set_int (req, ZMQ_REQ_RELAXED, relaxed));
    MUST (set_int (req, ZMQ_REQ_CORRELATE, correlate));
    MUST (set_text (req, ZMQ_ROUTING_ID, "client"));
    char endpoint[64];
    MUST (zmq_bind (router, INPROC_NAME (endpoint)));
    MUST (zmq_connect (req, endpoint));

    zmq_msg_t ids[2];
    int asked = 0;
    for (int turn = 0; turn < 2; turn++) {
        SHOW (send_text (req, turn ? "second" : "first", ZMQ_DONTWAIT));
        show_events ("REQ", req);
        if (!await_events (router, 0) || integer_option (router, ZMQ_EVENTS) % 2 == 0)
            continue;
        asked++;
        zmq_recv (router, buffer, sizeof buffer, 0);
        if (correlate) {
            zmq_msg_init (&ids[turn]);
            SHOW (zmq_msg_recv (&ids[turn], router, 0));
        }
        show_message ("ROUTER hears", router);
    }
    if (correlate && asked == 2)
        printf ("request ids differ by %d\n",
                *(int32_t *) zmq_msg_data (&ids[1]) - *(int32_t *) zmq_msg_data (&ids[0]));
    for (int turn = 0; turn < asked; turn++) {
        MUST (send_text (router, "client", ZMQ_SNDMORE));
        if (correlate) {
            zmq_msg_t id;
            zmq_msg_init (&id);
            zmq_msg_copy (&id, &ids[turn]);
            MUST (zmq_msg_send (&id, router, ZMQ_SNDMORE));
        }
        MUST (send_text (router, "", ZMQ_SNDMORE));
        MUST (send_text (router, turn ? "to second" : "to first", 0));
    }
    show_message ("REQ hears", req);
    SHOW (zmq_recv (req, buffer, sizeof buffer, ZMQ_DONTWAIT));
    show_silence ("REQ afterwards", req);
    show_events ("REQ", req);
    for (int turn = 0; correlate && turn < asked; turn++)
        zmq_msg_close (&ids[turn]);
    zmq_close (req);
    zmq_close (router);
}

/* Answers that a REQ must not hand to its caller. */
static void malformed_replies (void *context)
{
    section ("malformed replies over inproc");
    void *req = open_socket (context, ZMQ_REQ);
    void *router = open_socket (context, ZMQ_ROUTER);
    MUST (set_text (req, ZMQ_ROUTING_ID, "client"));
    MUST (zmq_bind (router, "inproc://malformed"));
    MUST (zmq_connect (req, "inproc://malformed"));
    MUST (send_text (req, "question", 0));
    show_message ("ROUTER hears", router);
    MUST (send_parts (router, "client", "no delimiter", NULL));
    MUST (send_parts (router, "client", "label", "", "body", NULL));
    MUST (send_parts (router, "client", "", NULL));
    show_silence ("REQ", req);
    MUST (send_parts (router, "client", "", "good", "parts", NULL));
    show_message ("REQ", req);
    zmq_close (req);
    zmq_close (router);
}

static void malformed_requests (void *context)
{
    section ("requests without a delimiter");
    void *rep = open_socket (context, ZMQ_REP);
    void *dealer = open_socket (context, ZMQ_DEALER);
    MUST (zmq_bind (rep, "inproc://requests"));
    MUST (zmq_connect (dealer, "inproc://requests"));
    MUST (send_parts (dealer, "no delimiter", NULL));
    MUST (send_parts (dealer, "two", "parts", NULL));
    show_silence ("REP", rep);
    show_events ("REP", rep);
    SHOW (zmq_recv (rep, buffer, sizeof buffer, ZMQ_DONTWAIT));
    MUST (send_parts (dealer, "hop 1", "hop 2", "", "body", NULL));
    show_message ("REP", rep);
    MUST (send_text (rep, "answer", 0));
    show_message ("DEALER", dealer);
    MUST (send_parts (dealer, "", NULL));
    show_silence ("REP after a lone delimiter", rep);
    zmq_close (dealer);
    zmq_close (rep);
}

static void lost_peers (void *context)
{
    section ("REP whose client went away");
    char endpoint[128];
    void *rep = open_socket (context, ZMQ_REP);
    void *monitor = open_monitor (context, rep, ZMQ_EVENT_DISCONNECTED);
    void *req = open_socket (context, ZMQ_REQ);
    BIND_TCP (rep, endpoint);
    MUST (zmq_connect (req, endpoint));
    MUST (send_text (req, "question", 0));
    show_message ("REP hears", rep);
    zmq_close (req);
    await_event (monitor, ZMQ_EVENT_DISCONNECTED);
    show_events ("REP", rep);
    SHOW (send_text (rep, "answer", ZMQ_DONTWAIT));
    show_events ("REP", rep);

    section ("REQ whose server went away");
    req = open_socket (context, ZMQ_REQ);
    void *watch = open_monitor (context, req, ZMQ_EVENT_DISCONNECTED);
    MUST (zmq_connect (req, endpoint));
    MUST (send_text (req, "question", 0));
    show_message ("REP hears", rep);
    close_monitor (rep, monitor);
    zmq_close (rep);
    await_event (watch, ZMQ_EVENT_DISCONNECTED);
    show_events ("REQ", req);
    SHOW (send_text (req, "again", ZMQ_DONTWAIT));
    SHOW (zmq_recv (req, buffer, sizeof buffer, ZMQ_DONTWAIT));
    close_monitor (req, watch);
    zmq_close (req);
}

/* The option is none of REQ's, but inproc does not ask. */
static void greetings (void *context)
{
    for (int tcp = 0; tcp < 2; tcp++) {
        section ("REQ with a HELLO_MSG over %s", tcp ? "tcp" : "inproc");
        char endpoint[128];
        void *router = open_socket (context, ZMQ_ROUTER);
        void *req = open_socket (context, ZMQ_REQ);
        SHOW (set_text (req, ZMQ_HELLO_MSG, "hello"));
        SHOW (set_text (req, ZMQ_ROUTING_ID, "R"));
        if (tcp)
            BIND_TCP (router, endpoint);
        else
            MUST (zmq_bind (router, INPROC_NAME (endpoint)));
        MUST (zmq_connect (req, endpoint));
        MUST (send_text (req, "question", 0));
        show_message ("ROUTER", router);
        if (!tcp)
            show_message ("ROUTER", router);
        show_silence ("ROUTER", router);
        zmq_close (req);
        zmq_close (router);
    }
}

int main (void)
{
    void *context = zmq_ctx_new ();
    strict (context, "inproc");
    strict (context, "tcp");
    many_clients (context);
    balance (context);
    for (int relaxed = 0; relaxed < 2; relaxed++)
        for (int correlate = 0; correlate < 2; correlate++)
            options (context, relaxed, correlate);
    malformed_replies (context);
    malformed_requests (context);
    lost_peers (context);
    greetings (context);
    SHOW (zmq_ctx_term (context));
    return 0;
}
