/* DEALER and ROUTER: events in each state, turns, fair taking, envelopes, parts. */
#include "observe.h"

static char buffer[64];

static void dealer (void *context, const char *transport)
{
    char endpoint[128];
    section ("DEALER to DEALER over %s", transport);
    void *a = open_socket (context, ZMQ_DEALER);
    void *b = open_socket (context, ZMQ_DEALER);
    if (strcmp (transport, "tcp") == 0)
        BIND_TCP (a, endpoint);
    else
        MUST (zmq_bind (a, INPROC_NAME (endpoint)));
    show_events ("bound", a);
    MUST (zmq_connect (b, endpoint));
    await_events (a, ZMQ_POLLOUT);
    show_events ("bound", a);
    show_events ("connected", b);
    MUST (send_parts (a, "to", "b", NULL));
    MUST (send_parts (b, "to", "a", NULL));
    MUST (send_parts (b, "to", "a", "again", NULL));
    show_message ("b", b);
    show_message ("a", a);
    SHOW (zmq_recv (a, buffer, sizeof buffer, 0));
    show_events ("a within a message", a);
    MUST (send_text (a, "cross", ZMQ_SNDMORE));
    show_message ("a", a);
    MUST (send_text (a, "ing", 0));
    show_message ("b", b);
    zmq_close (a);
    zmq_close (b);
}

static void router (void *context, const char *transport)
{
    char endpoint[128];
    section ("ROUTER over %s", transport);
    void *r = open_socket (context, ZMQ_ROUTER);
    void *d[3];
    if (strcmp (transport, "tcp") == 0)
        BIND_TCP (r, endpoint);
    else
        MUST (zmq_bind (r, INPROC_NAME (endpoint)));
    for (int i = 0; i < 3; i++) {
        const char name[2] = {(char) ('A' + i), 0};
        d[i] = open_socket (context, ZMQ_DEALER);
        MUST (set_text (d[i], ZMQ_ROUTING_ID, name));
        MUST (zmq_connect (d[i], endpoint));
        MUST (send_parts (d[i], "hello", name, NULL));
        show_message ("ROUTER", r);
    }
    show_events ("ROUTER", r);
    SHOW (zmq_recv (r, buffer, sizeof buffer, ZMQ_DONTWAIT));
    MUST (send_parts (r, "C", "to C", NULL));
    MUST (send_parts (r, "A", "to A", "", NULL));
    MUST (send_parts (r, "nobody", "lost", NULL));
    MUST (send_parts (r, "B", "to B", NULL));
    for (int i = 0; i < 3; i++)
        show_message ("peer", d[i]);

    section ("ROUTER's own state between parts");
    SHOW (send_text (r, "A", ZMQ_SNDMORE));
    show_events ("after the id", r);
    MUST (send_text (d[1], "meanwhile", 0));
    show_message ("ROUTER", r);
    SHOW (send_text (r, "part 1", ZMQ_SNDMORE));
    SHOW (send_text (r, "part 2", 0));
    show_message ("peer", d[0]);
    SHOW (send_text (r, "A", 0));
    show_silence ("an id alone", d[0]);
    SHOW (send_text (r, "", ZMQ_SNDMORE));
    SHOW (send_text (r, "to the empty id", 0));
    MUST (send_text (d[2], "in", ZMQ_SNDMORE));
    MUST (send_text (d[2], "parts", 0));
    await_events (r, ZMQ_POLLIN);
    SHOW (zmq_recv (r, buffer, sizeof buffer, 0));
    SHOW (integer_option (r, ZMQ_RCVMORE));
    show_events ("after the id", r);
    SHOW (zmq_recv (r, buffer, sizeof buffer, 0));
    SHOW (integer_option (r, ZMQ_RCVMORE));
    SHOW (zmq_recv (r, buffer, sizeof buffer, 0));
    SHOW (integer_option (r, ZMQ_RCVMORE));
    show_events ("after all", r);
    for (int i = 0; i < 3; i++)
        zmq_close (d[i]);
    zmq_close (r);
}

static void fair (void *context)
{
    char endpoint[128];
    section ("ROUTER takes from its peers in turn");
    void *r = open_socket (context, ZMQ_ROUTER);
    void *d[3];
    MUST (zmq_bind (r, INPROC_NAME (endpoint)));
    for (int i = 0; i < 3; i++) {
        const char name[2] = {(char) ('A' + i), 0};
        d[i] = open_socket (context, ZMQ_DEALER);
        MUST (set_text (d[i], ZMQ_ROUTING_ID, name));
        MUST (zmq_connect (d[i], endpoint));
    }
    show_events ("ROUTER with silent peers", r);
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 3; i++) {
            const char text[2] = {(char) ('0' + k), 0};
            MUST (send_parts (d[i], text, "tail", NULL));
        }
    for (int i = 0; i < 9; i++)
        show_message ("ROUTER", r);
    section ("DEALER takes and deals in turn");
    void *dealer = open_socket (context, ZMQ_DEALER);
    void *peer[3];
    for (int i = 0; i < 3; i++) {
        peer[i] = open_socket (context, ZMQ_DEALER);
        MUST (zmq_bind (peer[i], INPROC_NAME (endpoint)));
        MUST (zmq_connect (dealer, endpoint));
        for (int k = 0; k < 2; k++) {
            const char text[3] = {(char) ('a' + i), (char) ('0' + k), 0};
            MUST (send_text (peer[i], text, 0));
        }
    }
    for (int i = 0; i < 6; i++)
        show_message ("DEALER", dealer);
    for (int k = 0; k < 6; k++) {
        const char text[2] = {(char) ('0' + k), 0};
        MUST (send_parts (dealer, text, "tail", NULL));
    }
    for (int i = 0; i < 3; i++) {
        show_message ("first", peer[i]);
        show_message ("second", peer[i]);
        zmq_close (peer[i]);
        zmq_close (d[i]);
    }
    zmq_close (dealer);
    zmq_close (r);
}

static void generated_ids (void *context)
{
    char endpoint[128];
    char first[8], second[8];
    section ("generated routing ids");
    void *r = open_socket (context, ZMQ_ROUTER);
    void *a = open_socket (context, ZMQ_DEALER);
    void *b = open_socket (context, ZMQ_DEALER);
    BIND_TCP (r, endpoint);
    MUST (zmq_connect (a, endpoint));
    MUST (send_text (a, "a", 0));
    SHOW (zmq_recv (r, first, sizeof first, 0));
    SHOW (first[0]);
    MUST (zmq_recv (r, buffer, sizeof buffer, 0));
    MUST (zmq_connect (b, endpoint));
    MUST (send_text (b, "b", 0));
    SHOW (zmq_recv (r, second, sizeof second, 0));
    SHOW (memcmp (first, second, 5) != 0);
    MUST (zmq_recv (r, buffer, sizeof buffer, 0));
    MUST (zmq_send (r, first, 5, ZMQ_SNDMORE));
    MUST (send_text (r, "to a", 0));
    MUST (zmq_send (r, second, 5, ZMQ_SNDMORE));
    MUST (send_text (r, "to b", 0));
    show_message ("a", a);
    show_message ("b", b);
    SHOW (zmq_socket_get_peer_state (r, first, 5));
    SHOW (zmq_socket_get_peer_state (r, "no", 2));
    zmq_close (a);
    zmq_close (b);
    zmq_close (r);
}

static void router_to_router (void *context)
{
    char endpoint[128];
    section ("ROUTER to ROUTER");
    void *a = open_socket (context, ZMQ_ROUTER);
    void *b = open_socket (context, ZMQ_ROUTER);
    MUST (set_text (a, ZMQ_ROUTING_ID, "a"));
    MUST (set_text (b, ZMQ_ROUTING_ID, "b"));
    MUST (set_int (a, ZMQ_ROUTER_MANDATORY, 1));
    BIND_TCP (a, endpoint);
    MUST (zmq_connect (b, endpoint));
    SHOW (send_text (b, "a", ZMQ_SNDMORE));
    SHOW (send_text (b, "too early perhaps", 0));
    while (send_text (a, "b", ZMQ_SNDMORE) == -1)
        sleep_ms (1);
    SHOW (send_text (a, "to b", 0));
    show_message ("b", b);
    MUST (send_parts (b, "a", "to a", NULL));
    await_events (a, ZMQ_POLLIN);
    int last = 0;
    while (!last) {
        last = zmq_recv (a, buffer, sizeof buffer, 0) == 1 && buffer[0] == 'a';
        const int size = zmq_recv (a, buffer, sizeof buffer, 0);
        last = size == 4 && memcmp (buffer, "to a", 4) == 0;
    }
    printf ("a heard b\n");
    zmq_close (a);
    zmq_close (b);
}

int main (void)
{
    void *context = zmq_ctx_new ();
    dealer (context, "inproc");
    dealer (context, "tcp");
    router (context, "inproc");
    router (context, "tcp");
    fair (context);
    generated_ids (context);
    router_to_router (context);
    SHOW (zmq_ctx_term (context));
    return 0;
}
