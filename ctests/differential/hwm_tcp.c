/*
 * High-water marks over tcp and ipc. Without a peer the counts are exact. With one they depend on the
 * system's buffers, so only what must hold is printed: a slow peer stops the sender sooner or later,
 * nothing is lost, and reading lets it go on.
 */
#include "observe.h"

enum { LIMIT = 5000 };

static int fill (void *socket)
{
    int sent = 0;
    await_events (socket, 0);
    while (sent < LIMIT && send_text (socket, "x", ZMQ_DONTWAIT) != -1)
        sent++;
    return sent;
}

static void no_peer (void *context)
{
    static const int kinds[] = {ZMQ_PUSH, ZMQ_DEALER, ZMQ_PAIR};
    static const int marks[] = {0, 1, 2, 3, 10, 1000, 1001};
    section ("how many fit without a peer");
    for (size_t k = 0; k < 3; k++)
        for (size_t m = 0; m < sizeof marks / sizeof *marks; m++) {
            char endpoint[128];
            printf ("%s SNDHWM %d:", kind_name (kinds[k]), marks[m]);
            for (int transport = 0; transport < 2; transport++) {
                void *s = open_socket (context, kinds[k]);
                MUST (set_int (s, ZMQ_SNDHWM, marks[m]));
                MUST (zmq_connect (s, transport ? "ipc://nobody" : FREE_ENDPOINT (endpoint)));
                printf (" %d", fill (s));
                zmq_close (s);
            }
            printf ("\n");
        }
    section ("the default");
    char endpoint[128];
    void *s = open_socket (context, ZMQ_PUSH);
    SHOW (integer_option (s, ZMQ_SNDHWM));
    SHOW (integer_option (s, ZMQ_RCVHWM));
    MUST (zmq_connect (s, FREE_ENDPOINT (endpoint)));
    SHOW (fill (s));
    section ("two endpoints without a peer");
    MUST (zmq_connect (s, FREE_ENDPOINT (endpoint)));
    SHOW (fill (s));
    zmq_close (s);
    section ("set after connect");
    s = open_socket (context, ZMQ_PUSH);
    MUST (zmq_connect (s, FREE_ENDPOINT (endpoint)));
    SHOW (set_int (s, ZMQ_SNDHWM, 7));
    SHOW (fill (s));
    zmq_close (s);
    section ("parts without a peer");
    s = open_socket (context, ZMQ_PUSH);
    MUST (set_int (s, ZMQ_SNDHWM, 2));
    MUST (zmq_connect (s, FREE_ENDPOINT (endpoint)));
    for (int i = 0; i < 3; i++) {
        SHOW (send_text (s, "a", ZMQ_SNDMORE | ZMQ_DONTWAIT));
        SHOW (send_text (s, "b", ZMQ_DONTWAIT));
    }
    zmq_close (s);
    section ("IMMEDIATE without a peer");
    s = open_socket (context, ZMQ_PUSH);
    MUST (set_int (s, ZMQ_IMMEDIATE, 1));
    MUST (zmq_connect (s, FREE_ENDPOINT (endpoint)));
    SHOW (fill (s));
    zmq_close (s);
}

/* A peer that connects but does not read. */
static void slow_peer (void *context, const char *transport, size_t size)
{
    char endpoint[128];
    const int most = size > 10000 ? 2000 : 2000000;
    section ("a slow peer over %s, %zu bytes", transport, size);
    void *push = open_socket (context, ZMQ_PUSH);
    void *pull = open_socket (context, ZMQ_PULL);
    MUST (set_int (push, ZMQ_SNDHWM, 10));
    MUST (set_int (push, ZMQ_SNDBUF, 65536));
    MUST (set_int (pull, ZMQ_RCVHWM, 10));
    MUST (set_int (pull, ZMQ_RCVBUF, 65536));
    if (strcmp (transport, "ipc") == 0)
        MUST (zmq_bind (pull, strcpy (endpoint, "ipc://slow.socket")));
    else
        BIND_TCP (pull, endpoint);
    MUST (zmq_connect (push, endpoint));

    unsigned char *bytes = calloc (1, size);
    int sent = 0;
    MUST (set_int (push, ZMQ_SNDTIMEO, 300));
    while (sent < most) {
        memcpy (bytes, &sent, sizeof sent);
        if (zmq_send (push, bytes, size, 0) == -1)
            break;
        sent++;
    }
    printf ("stopped: %s, with %s\n", sent < most ? "yes" : "no", errno_name (zmq_errno ()));
    printf ("at least the two marks: %s\n", sent >= 20 ? "yes" : "no");
    int in_order = 0;
    MUST (set_int (pull, ZMQ_RCVTIMEO, 1000));
    while (in_order < sent) {
        int number = -1;
        if (zmq_recv (pull, bytes, size, 0) != (int) size)
            break;
        memcpy (&number, bytes, sizeof number);
        if (number != in_order)
            break;
        in_order++;
    }
    printf ("all received in order: %s\n", in_order == sent ? "yes" : "no");
    await_events (push, ZMQ_POLLOUT);
    show_events ("PUSH", push);
    show_silence ("PULL", pull);
    free (bytes);
    zmq_close (push);
    zmq_close (pull);
}

/* Messages queued before the peer exists all arrive, in order, and no more fit than the mark. */
static void late_peer (void *context)
{
    char endpoint[128];
    section ("a peer that comes late");
    void *push = open_socket (context, ZMQ_PUSH);
    void *pull = open_socket (context, ZMQ_PULL);
    MUST (set_int (push, ZMQ_SNDHWM, 5));
    MUST (zmq_connect (push, FREE_ENDPOINT (endpoint)));
    for (int i = 0; i < 7; i++) {
        char text[8];
        snprintf (text, sizeof text, "%d", i);
        SHOW (send_text (push, text, ZMQ_DONTWAIT));
    }
    MUST (zmq_bind (pull, endpoint));
    for (int i = 0; i < 5; i++)
        show_message ("PULL", pull);
    show_silence ("PULL", pull);
    await_events (push, ZMQ_POLLOUT);
    SHOW (send_text (push, "later", ZMQ_DONTWAIT));
    show_message ("PULL", pull);
    zmq_close (push);
    zmq_close (pull);
}

/* A publisher drops for the subscriber that does not read, and only for that one. */
static void slow_subscriber (void *context)
{
    char endpoint[128];
    section ("a slow subscriber");
    void *xpub = open_socket (context, ZMQ_XPUB);
    void *slow = open_socket (context, ZMQ_SUB);
    void *fast = open_socket (context, ZMQ_SUB);
    MUST (set_int (xpub, ZMQ_SNDHWM, 10));
    MUST (set_int (xpub, ZMQ_SNDBUF, 65536));
    MUST (set_int (slow, ZMQ_RCVHWM, 10));
    MUST (set_int (slow, ZMQ_RCVBUF, 65536));
    MUST (set_int (fast, ZMQ_RCVHWM, 0));
    MUST (set_text (slow, ZMQ_SUBSCRIBE, ""));
    MUST (set_text (fast, ZMQ_SUBSCRIBE, "\001"));
    BIND_TCP (xpub, endpoint);
    MUST (zmq_connect (slow, endpoint));
    show_message ("XPUB", xpub);
    MUST (zmq_connect (fast, endpoint));
    show_message ("XPUB", xpub);
    enum { MESSAGES = 400, SIZE = 50000 };
    unsigned char *bytes = calloc (1, SIZE);
    int received = 0;
    bytes[0] = 1;
    for (int i = 0; i < MESSAGES; i++) {
        memcpy (bytes + 1, &i, sizeof i);
        await_events (xpub, ZMQ_POLLOUT);
        MUST (zmq_send (xpub, bytes, SIZE, 0));
        /* The fast one keeps up with each message. */
        int number = -1;
        if (!await_events (fast, ZMQ_POLLIN) || zmq_recv (fast, bytes, SIZE, 0) != SIZE)
            break;
        memcpy (&number, bytes + 1, sizeof number);
        received += number == i;
    }
    printf ("the fast one received all: %s\n", received == MESSAGES ? "yes" : "no");
    int slow_received = 0, last = -1, ordered = 1;
    MUST (set_int (slow, ZMQ_RCVTIMEO, 500));
    while (zmq_recv (slow, bytes, SIZE, 0) == SIZE) {
        int number;
        memcpy (&number, bytes + 1, sizeof number);
        ordered &= number > last;
        last = number;
        slow_received++;
    }
    printf ("the slow one received some but not all: %s, in order: %s\n",
            slow_received >= 20 && slow_received < MESSAGES ? "yes" : "no", ordered ? "yes" : "no");
    await_events (xpub, ZMQ_POLLOUT);
    MUST (zmq_send (xpub, "\001end", 4, 0));
    show_message ("slow", slow);
    show_message ("fast", fast);
    free (bytes);
    zmq_close (xpub);
    zmq_close (slow);
    zmq_close (fast);
}

int main (void)
{
    void *context = zmq_ctx_new ();
    no_peer (context);
    slow_peer (context, "tcp", 100);
    slow_peer (context, "tcp", 100000);
    slow_peer (context, "ipc", 100);
    slow_peer (context, "ipc", 100000);
    late_peer (context);
    slow_subscriber (context);
    SHOW (zmq_ctx_term (context));
    return 0;
}
