/*
 * High-water marks over inproc: how many messages fit, how many more after some were taken, what a
 * message of several parts counts, and what changing the marks later does.
 */
#include "observe.h"

enum { LIMIT = 3000 };

/* Sends until EAGAIN or the limit. */
static int fill (void *socket)
{
    int sent = 0;
    await_events (socket, 0);
    while (sent < LIMIT && send_text (socket, "x", ZMQ_DONTWAIT) != -1)
        sent++;
    return sent;
}

static int take (void *socket, int count)
{
    char byte;
    int taken = 0;
    while (taken < count && zmq_recv (socket, &byte, 1, ZMQ_DONTWAIT) != -1)
        taken++;
    return taken;
}

/* The sender's and the receiver's marks; which end binds; when they are set. */
static void sums (void *context)
{
    static const int marks[] = {0, 1, 2, 3, 5, 10, 100};
    enum { MARKS = sizeof marks / sizeof *marks };
    section ("how many fit: sender's mark, receiver's mark, by who binds first");
    for (int s = 0; s < MARKS; s++)
        for (int r = 0; r < MARKS; r++) {
            printf ("SNDHWM %d RCVHWM %d:", marks[s], marks[r]);
            for (int order = 0; order < 4; order++) {
                char endpoint[64];
                void *push = open_socket (context, ZMQ_PUSH);
                void *pull = open_socket (context, ZMQ_PULL);
                MUST (set_int (push, ZMQ_SNDHWM, marks[s]));
                MUST (set_int (pull, ZMQ_RCVHWM, marks[r]));
                INPROC_NAME (endpoint);
                void *first = order & 1 ? push : pull;
                void *second = order & 1 ? pull : push;
                if (order & 2)
                    MUST (zmq_connect (second, endpoint));
                MUST (zmq_bind (first, endpoint));
                if (!(order & 2))
                    MUST (zmq_connect (second, endpoint));
                const int sent = fill (push);
                printf (" %d", sent);
                zmq_close (push);
                zmq_close (pull);
            }
            printf ("\n");
        }
}

static void refill (void *context)
{
    static const int marks[][2] = {{1, 1}, {1, 2}, {2, 2}, {3, 3}, {5, 5}, {10, 1}, {1, 10}, {10, 10}, {50, 50}};
    section ("how many more fit after each message taken");
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        char endpoint[64];
        void *push = open_socket (context, ZMQ_PUSH);
        void *pull = open_socket (context, ZMQ_PULL);
        MUST (set_int (push, ZMQ_SNDHWM, marks[i][0]));
        MUST (set_int (pull, ZMQ_RCVHWM, marks[i][1]));
        MUST (zmq_bind (pull, INPROC_NAME (endpoint)));
        MUST (zmq_connect (push, endpoint));
        printf ("SNDHWM %d RCVHWM %d: %d", marks[i][0], marks[i][1], fill (push));
        for (int turn = 0; turn < marks[i][0] + marks[i][1] && turn < 25; turn++) {
            take (pull, 1);
            printf (" %d", fill (push));
        }
        printf ("\n");
        zmq_close (push);
        zmq_close (pull);
    }
}

static void refill_many (void *context)
{
    section ("how many more fit after several messages taken (10 + 10)");
    for (int count = 1; count <= 20; count++) {
        char endpoint[64];
        void *push = open_socket (context, ZMQ_PUSH);
        void *pull = open_socket (context, ZMQ_PULL);
        MUST (set_int (push, ZMQ_SNDHWM, 10));
        MUST (set_int (pull, ZMQ_RCVHWM, 10));
        MUST (zmq_bind (pull, INPROC_NAME (endpoint)));
        MUST (zmq_connect (push, endpoint));
        fill (push);
        const int taken = take (pull, count);
        show_events ("PUSH", push);
        printf ("taken %d, fit %d\n", taken, fill (push));
        zmq_close (push);
        zmq_close (pull);
    }
}

static void parts (void *context)
{
    section ("a message of several parts counts once");
    char endpoint[64];
    void *push = open_socket (context, ZMQ_PUSH);
    void *pull = open_socket (context, ZMQ_PULL);
    MUST (set_int (push, ZMQ_SNDHWM, 2));
    MUST (set_int (pull, ZMQ_RCVHWM, 2));
    MUST (zmq_bind (pull, INPROC_NAME (endpoint)));
    MUST (zmq_connect (push, endpoint));
    int whole = 0;
    for (int i = 0; i < 10; i++) {
        int rc = 0;
        for (int part = 0; part < 20 && rc != -1; part++)
            rc = send_text (push, "part", part < 19 ? ZMQ_SNDMORE | ZMQ_DONTWAIT : ZMQ_DONTWAIT);
        if (rc == -1)
            break;
        whole++;
    }
    printf ("messages of 20 parts that fit: %d\n", whole);
    int received = 0;
    for (int i = 0; i < 3; i++) {
        received += take (pull, 10);
        printf ("parts taken %d, fit %d\n", received, fill (push));
    }
    zmq_close (push);
    zmq_close (pull);
}

static void changed_later (void *context)
{
    static const int changes[][4] = {{2, 2, 10, 0},  {2, 2, 0, 10},   {10, 10, 2, 0}, {10, 10, 0, 2},
                                     {2, 2, 10, 10}, {20, 20, 10, 10}, {2, 2, -1, 0}};
    section ("marks changed while connected and empty");
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        char endpoint[64];
        const int *change = changes[i];
        void *push = open_socket (context, ZMQ_PUSH);
        void *pull = open_socket (context, ZMQ_PULL);
        MUST (set_int (push, ZMQ_SNDHWM, change[0]));
        MUST (set_int (pull, ZMQ_RCVHWM, change[1]));
        MUST (zmq_bind (pull, INPROC_NAME (endpoint)));
        MUST (zmq_connect (push, endpoint));
        await_events (pull, 0);
        printf ("%d + %d, then %d + %d:", change[0], change[1], change[2], change[3]);
        if (change[2])
            printf (" set %d", set_int (push, ZMQ_SNDHWM, change[2]));
        if (change[3])
            printf (" set %d", set_int (pull, ZMQ_RCVHWM, change[3]));
        await_events (pull, 0);
        printf (" fit %d", fill (push));
        printf (" taken %d", take (pull, LIMIT));
        printf (" again %d\n", fill (push));
        zmq_close (push);
        zmq_close (pull);
    }
}

static void other_kinds (void *context)
{
    section ("what other kinds do at the mark");
    char endpoint[64];
    void *pub = open_socket (context, ZMQ_PUB);
    void *sub = open_socket (context, ZMQ_SUB);
    MUST (set_int (pub, ZMQ_SNDHWM, 5));
    MUST (set_int (sub, ZMQ_RCVHWM, 5));
    MUST (zmq_bind (pub, INPROC_NAME (endpoint)));
    MUST (set_text (sub, ZMQ_SUBSCRIBE, ""));
    MUST (zmq_connect (sub, endpoint));
    await_events (pub, 0);
    for (int i = 0; i < 30; i++) {
        char text[8];
        snprintf (text, sizeof text, "%d", i);
        MUST (send_text (pub, text, ZMQ_DONTWAIT));
    }
    for (int i = 0; i < 3; i++)
        show_message ("SUB", sub);
    printf ("SUB has %d more\n", drain (sub));
    await_events (pub, 0);
    MUST (send_text (pub, "after", 0));
    show_message ("SUB", sub);
    zmq_close (pub);
    zmq_close (sub);

    void *xpub = open_socket (context, ZMQ_XPUB);
    sub = open_socket (context, ZMQ_SUB);
    MUST (set_int (xpub, ZMQ_SNDHWM, 5));
    MUST (set_int (xpub, ZMQ_XPUB_NODROP, 1));
    MUST (set_int (sub, ZMQ_RCVHWM, 5));
    MUST (zmq_bind (xpub, INPROC_NAME (endpoint)));
    MUST (set_text (sub, ZMQ_SUBSCRIBE, ""));
    MUST (zmq_connect (sub, endpoint));
    show_message ("XPUB", xpub);
    printf ("XPUB with NODROP: %d fit\n", fill (xpub));
    show_events ("XPUB", xpub);
    printf ("SUB has %d\n", drain (sub));
    await_events (xpub, 0);
    printf ("XPUB with NODROP: %d more fit\n", fill (xpub));
    zmq_close (xpub);
    zmq_close (sub);

    void *router = open_socket (context, ZMQ_ROUTER);
    void *dealer = open_socket (context, ZMQ_DEALER);
    MUST (set_int (router, ZMQ_SNDHWM, 5));
    MUST (set_int (dealer, ZMQ_RCVHWM, 5));
    MUST (set_text (dealer, ZMQ_ROUTING_ID, "D"));
    MUST (zmq_bind (router, INPROC_NAME (endpoint)));
    MUST (zmq_connect (dealer, endpoint));
    await_events (router, 0);
    for (int i = 0; i < 30; i++)
        MUST (send_parts (router, "D", "x", NULL));
    show_events ("ROUTER", router);
    SHOW (zmq_socket_get_peer_state (router, "D", 1));
    printf ("DEALER has %d\n", drain (dealer));
    await_events (router, 0);
    MUST (set_int (router, ZMQ_ROUTER_MANDATORY, 1));
    int sent = 0;
    while (sent < 100 && send_text (router, "D", ZMQ_SNDMORE | ZMQ_DONTWAIT) != -1) {
        MUST (send_text (router, "x", ZMQ_DONTWAIT));
        sent++;
    }
    printf ("ROUTER with MANDATORY: %d fit, then %s\n", sent, errno_name (zmq_errno ()));
    show_events ("ROUTER", router);
    SHOW (zmq_socket_get_peer_state (router, "D", 1));
    printf ("DEALER has %d\n", drain (dealer));
    zmq_close (router);
    zmq_close (dealer);

    static const int pairs[][2] = {{ZMQ_PAIR, ZMQ_PAIR}, {ZMQ_DEALER, ZMQ_DEALER}, {ZMQ_DEALER, ZMQ_ROUTER}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        void *a = open_socket (context, pairs[i][0]);
        void *b = open_socket (context, pairs[i][1]);
        MUST (set_int (a, ZMQ_SNDHWM, 4));
        MUST (set_int (b, ZMQ_RCVHWM, 4));
        MUST (zmq_bind (b, INPROC_NAME (endpoint)));
        MUST (zmq_connect (a, endpoint));
        printf ("%s to %s: %d fit\n", kind_name (pairs[i][0]), kind_name (pairs[i][1]), fill (a));
        zmq_close (a);
        zmq_close (b);
    }
}

int main (void)
{
    void *context = zmq_ctx_new ();
    sums (context);
    refill (context);
    refill_many (context);
    parts (context);
    changed_later (context);
    other_kinds (context);
    SHOW (zmq_ctx_term (context));
    return 0;
}
