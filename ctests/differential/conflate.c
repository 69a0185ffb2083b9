/* CONFLATE: a queue that holds the last message only. */
#include "observe.h"

static char endpoint[128];

static void *open_conflating (void *context, int kind, int conflate)
{
    void *s = open_socket (context, kind);
    MUST (set_int (s, ZMQ_CONFLATE, conflate));
    return s;
}

static void send_numbers (void *socket, int count)
{
    for (int i = 0; i < count; i++) {
        char text[16];
        snprintf (text, sizeof text, "%d", i);
        MUST (send_text (socket, text, 0));
    }
}

/* Over inproc both ends share one queue, and the end that connects decides. */
static void inproc (void *context)
{
    for (int sender = 0; sender < 2; sender++)
        for (int receiver = 0; receiver < 2; receiver++)
            for (int sender_binds = 0; sender_binds < 2; sender_binds++) {
                section ("inproc: PUSH %d, PULL %d, %s connects", sender, receiver, sender_binds ? "PULL" : "PUSH");
                void *push = open_conflating (context, ZMQ_PUSH, sender);
                void *pull = open_conflating (context, ZMQ_PULL, receiver);
                MUST (zmq_bind (sender_binds ? push : pull, INPROC_NAME (endpoint)));
                MUST (zmq_connect (sender_binds ? pull : push, endpoint));
                await_events (sender_binds ? push : pull, 0);
                send_numbers (push, 5);
                show_events ("PULL", pull);
                show_message ("PULL", pull);
                printf ("PULL has %d more\n", drain (pull));
                show_events ("PULL", pull);
                zmq_close (push);
                zmq_close (pull);
            }
}

/* Over tcp the receiver skips what it was too slow for, but never the last. */
static void tcp (void *context, int push_kind, int pull_kind)
{
    section ("tcp: %s to %s", kind_name (push_kind), kind_name (pull_kind));
    void *push = open_socket (context, push_kind);
    void *pull = open_conflating (context, pull_kind, 1);
    if (pull_kind == ZMQ_SUB)
        MUST (set_text (pull, ZMQ_SUBSCRIBE, ""));
    MUST (set_int (push, ZMQ_SNDHWM, 0));
    BIND_TCP (pull, endpoint);
    MUST (zmq_connect (push, endpoint));
    if (push_kind == ZMQ_PUB) {
        char byte;
        do
            MUST (send_text (push, "0", 0));
        while (zmq_recv (pull, &byte, 1, ZMQ_DONTWAIT) == -1);
    }
    enum { COUNT = 900 };
    send_numbers (push, COUNT);
    int last = -1, in_order = 1;
    while (last < COUNT - 1 && await_events (pull, ZMQ_POLLIN)) {
        char text[16] = "";
        MUST (zmq_recv (pull, text, sizeof text - 1, 0));
        in_order &= atoi (text) >= last;
        last = atoi (text);
    }
    printf ("last %d, in order %d\n", last, in_order);
    show_silence ("receiver", pull);
    zmq_close (push);
    zmq_close (pull);
}

static void no_peer (void *context)
{
    section ("a PUSH that conflates, without a peer");
    void *push = open_conflating (context, ZMQ_PUSH, 1);
    MUST (set_int (push, ZMQ_SNDHWM, 2));
    MUST (zmq_connect (push, FREE_ENDPOINT (endpoint)));
    send_numbers (push, 100);
    show_events ("PUSH", push);
    void *pull = open_socket (context, ZMQ_PULL);
    MUST (zmq_bind (pull, endpoint));
    show_message ("PULL", pull);
    show_silence ("PULL", pull);
    zmq_close (push);
    zmq_close (pull);
}

static void kinds (void *context)
{
    section ("kinds that accept the option");
    for (int kind = ZMQ_PAIR; kind <= ZMQ_STREAM; kind++) {
        void *s = open_socket (context, kind);
        printf ("%s: set %d,", kind_name (kind), set_int (s, ZMQ_CONFLATE, 1));
        printf (" reads %d\n", integer_option (s, ZMQ_CONFLATE));
        zmq_close (s);
    }
}

/* Only PUSH, PULL, PUB, SUB and DEALER conflate; on the others the option changes nothing. */
static void without_effect (void *context)
{
    section ("PAIR does not conflate");
    void *a = open_conflating (context, ZMQ_PAIR, 1);
    void *b = open_conflating (context, ZMQ_PAIR, 1);
    MUST (zmq_bind (a, INPROC_NAME (endpoint)));
    MUST (zmq_connect (b, endpoint));
    send_numbers (b, 3);
    for (int i = 0; i < 3; i++)
        show_message ("PAIR", a);
    zmq_close (a);
    zmq_close (b);
}

int main (void)
{
    void *context = zmq_ctx_new ();
    inproc (context);
    tcp (context, ZMQ_PUSH, ZMQ_PULL);
    tcp (context, ZMQ_PUB, ZMQ_SUB);
    tcp (context, ZMQ_DEALER, ZMQ_DEALER);
    no_peer (context);
    kinds (context);
    without_effect (context);
    SHOW (zmq_ctx_term (context));
    return 0;
}
