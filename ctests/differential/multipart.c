/* Messages of several parts are all or nothing: with peers lost in the middle, and between peers. */
#include "observe.h"

static char buffer[64];

/* The sender goes away with half a message written: nobody sees the half. */
static void half_sent (void *context, int kind, int peer_kind, const char *transport)
{
    char endpoint[128];
    section ("%s to %s over %s, the sender leaves half way", kind_name (kind), kind_name (peer_kind), transport);
    void *receiver = open_socket (context, peer_kind);
    if (strcmp (transport, "tcp") == 0)
        BIND_TCP (receiver, endpoint);
    else
        MUST (zmq_bind (receiver, INPROC_NAME (endpoint)));
    for (int turn = 0; turn < 2; turn++) {
        void *sender = open_socket (context, kind);
        if (peer_kind == ZMQ_ROUTER)
            MUST (set_text (sender, ZMQ_ROUTING_ID, turn ? "second" : "first"));
        MUST (set_int (sender, ZMQ_LINGER, 1000));
        MUST (zmq_connect (sender, endpoint));
        MUST (send_parts (sender, "whole", "message", NULL));
        MUST (send_text (sender, "half", ZMQ_SNDMORE));
        MUST (send_text (sender, "a", ZMQ_SNDMORE));
        zmq_close (sender);
        show_message ("receiver", receiver);
    }
    show_silence ("receiver", receiver);
    zmq_close (receiver);
}

/* The connection breaks while the sender is within a message: the rest is dropped as well. */
static void half_dropped (void *context)
{
    char first[128], second[128];
    section ("PUSH loses its only peer half way");
    void *push = open_socket (context, ZMQ_PUSH);
    void *pull = open_socket (context, ZMQ_PULL);
    MUST (zmq_bind (pull, INPROC_NAME (first)));
    MUST (zmq_connect (push, first));
    MUST (send_text (push, "part 1", ZMQ_SNDMORE));
    MUST (send_text (push, "part 2", ZMQ_SNDMORE));
    SHOW (zmq_disconnect (push, first));
    SHOW (send_text (push, "part 3", ZMQ_SNDMORE | ZMQ_DONTWAIT));
    show_events ("PUSH", push);
    void *other = open_socket (context, ZMQ_PULL);
    MUST (zmq_bind (other, INPROC_NAME (second)));
    MUST (zmq_connect (push, second));
    await_events (other, 0);
    await_events (push, 0);
    SHOW (send_text (push, "part 4", ZMQ_DONTWAIT));
    SHOW (send_parts (push, "new", "message", NULL));
    show_message ("other PULL", other);
    show_silence ("other PULL", other);
    show_silence ("first PULL", pull);
    zmq_close (push);
    zmq_close (pull);
    zmq_close (other);
}

/* With a second peer there, the rest of the lost message must not go to that one. */
static void not_to_another (void *context, int kind)
{
    char endpoint[2][128];
    section ("%s loses one of two peers half way", kind_name (kind));
    void *sender = open_socket (context, kind);
    void *peer[2];
    for (int i = 0; i < 2; i++) {
        peer[i] = open_socket (context, kind == ZMQ_PUSH ? ZMQ_PULL : ZMQ_DEALER);
        MUST (zmq_bind (peer[i], INPROC_NAME (endpoint[i])));
        MUST (zmq_connect (sender, endpoint[i]));
    }
    MUST (send_text (sender, "part 1", ZMQ_SNDMORE));
    SHOW (zmq_disconnect (sender, endpoint[0]));
    SHOW (send_text (sender, "part 2", ZMQ_SNDMORE | ZMQ_DONTWAIT));
    SHOW (send_text (sender, "part 3", ZMQ_DONTWAIT));
    SHOW (send_parts (sender, "new", "message", NULL));
    show_message ("second peer", peer[1]);
    show_silence ("second peer", peer[1]);
    show_silence ("first peer", peer[0]);
    zmq_close (sender);
    zmq_close (peer[0]);
    zmq_close (peer[1]);
}

/* A byte-level peer sends a message in pieces and breaks off. */
static void broken_wire (void *context, int kind)
{
    static const unsigned char greeting[12] = {0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 1};
    char endpoint[128];
    section ("a %s whose peer breaks off within a message", kind_name (kind));
    void *s = open_socket (context, kind);
    void *monitor = open_monitor (context, s, ZMQ_EVENT_DISCONNECTED);
    if (kind == ZMQ_SUB)
        MUST (set_text (s, ZMQ_SUBSCRIBE, ""));
    BIND_TCP (s, endpoint);
    for (int cut = 0; cut < 3; cut++) {
        /* ZMTP 2.0: a whole message of two parts, then one that is cut after a part or inside one. */
        static const unsigned char whole[] = "\001\005whole\000\007message";
        static const unsigned char half[] = "\001\004half\001\004more\000\012unfinished";
        static const size_t cuts[] = {6, 12, 18};
        unsigned char hello[14];
        const int fd = raw_connect (endpoint);
        memcpy (hello, greeting, 11);
        hello[11] = kind == ZMQ_PULL ? 8 : kind == ZMQ_SUB ? 1 : kind == ZMQ_PAIR ? 0 : 5;
        hello[12] = 0;
        hello[13] = 0;
        raw_write (fd, hello, 14);
        raw_write (fd, whole, sizeof whole - 1);
        raw_write (fd, half, cuts[cut]);
        show_message ("received", s);
        /* What is left unread would turn the end of the stream into a reset. */
        shutdown (fd, SHUT_WR);
        while (raw_read (fd, buffer, sizeof buffer) > 0) {
        }
        close (fd);
        await_event (monitor, ZMQ_EVENT_DISCONNECTED);
        show_silence ("then", s);
        show_events ("then", s);
        if (kind == ZMQ_PAIR)
            break;
    }
    close_monitor (s, monitor);
    zmq_close (s);
}

/* The receiver is in the middle of a message when its sender goes away: it can read to the end. */
static void half_read (void *context, const char *transport)
{
    char endpoint[128];
    section ("the sender goes away while its message is being read, over %s", transport);
    void *pull = open_socket (context, ZMQ_PULL);
    void *push = open_socket (context, ZMQ_PUSH);
    if (strcmp (transport, "tcp") == 0)
        BIND_TCP (pull, endpoint);
    else
        MUST (zmq_bind (pull, INPROC_NAME (endpoint)));
    void *monitor = open_monitor (context, pull, ZMQ_EVENT_DISCONNECTED);
    MUST (set_int (push, ZMQ_LINGER, -1));
    MUST (zmq_connect (push, endpoint));
    MUST (send_parts (push, "one", "two", "three", NULL));
    MUST (send_parts (push, "next", "message", NULL));
    await_events (pull, ZMQ_POLLIN);
    SHOW (zmq_recv (pull, buffer, sizeof buffer, 0));
    zmq_close (push);
    if (strcmp (transport, "tcp") == 0)
        await_event (monitor, ZMQ_EVENT_DISCONNECTED);
    SHOW (zmq_recv (pull, buffer, sizeof buffer, 0));
    show_events ("PULL", pull);
    SHOW (zmq_recv (pull, buffer, sizeof buffer, 0));
    SHOW (integer_option (pull, ZMQ_RCVMORE));
    show_message ("PULL", pull);
    show_silence ("PULL", pull);
    close_monitor (pull, monitor);
    zmq_close (pull);
}

/* Parts of messages from several peers never mix. */
static void no_mixing (void *context)
{
    enum { PEERS = 4, MESSAGES = 200 };
    char endpoint[128];
    void *push[PEERS];
    int wrong = 0, received = 0;
    section ("messages of several peers do not mix");
    void *pull = open_socket (context, ZMQ_PULL);
    BIND_TCP (pull, endpoint);
    for (int i = 0; i < PEERS; i++) {
        push[i] = open_socket (context, ZMQ_PUSH);
        MUST (zmq_connect (push[i], endpoint));
    }
    for (int k = 0; k < MESSAGES; k++)
        for (int part = 0; part < 5; part++)
            for (int i = 0; i < PEERS; i++) {
                const int word[3] = {i, k, part};
                MUST (zmq_send (push[i], word, sizeof word, part < 4 ? ZMQ_SNDMORE : 0));
            }
    int next[PEERS] = {0};
    for (; received < PEERS * MESSAGES; received++) {
        int first[3] = {-1, -1, -1};
        if (!await_events (pull, ZMQ_POLLIN))
            break;
        for (int part = 0; part < 5; part++) {
            int word[3] = {-1, -1, -1};
            MUST (zmq_recv (pull, word, sizeof word, 0));
            if (part == 0)
                memcpy (first, word, sizeof word);
            wrong += word[0] != first[0] || word[1] != first[1] || word[2] != part
                     || integer_option (pull, ZMQ_RCVMORE) != (part < 4);
        }
        if (first[0] >= 0 && first[0] < PEERS)
            wrong += first[1] != next[first[0]]++;
    }
    printf ("received %d, wrong %d\n", received, wrong);
    for (int i = 0; i < PEERS; i++)
        zmq_close (push[i]);
    zmq_close (pull);
}

/* Many parts, empty parts, and large ones among them. */
static void many_parts (void *context, const char *transport)
{
    enum { PARTS = 2000 };
    char endpoint[128];
    int wrong = 0;
    section ("a message of %d parts over %s", PARTS, transport);
    void *push = open_socket (context, ZMQ_PUSH);
    void *pull = open_socket (context, ZMQ_PULL);
    MUST (set_int (push, ZMQ_SNDHWM, 1));
    MUST (set_int (pull, ZMQ_RCVHWM, 1));
    if (strcmp (transport, "tcp") == 0)
        BIND_TCP (pull, endpoint);
    else
        MUST (zmq_bind (pull, INPROC_NAME (endpoint)));
    MUST (zmq_connect (push, endpoint));
    char *bytes = calloc (1, 100000);
    for (int part = 0; part < PARTS; part++) {
        const size_t size = part % 100 == 50 ? 100000 : part % 3 == 0 ? 0 : (size_t) part % 700;
        memset (bytes, part, size);
        MUST (zmq_send (push, bytes, size, part < PARTS - 1 ? ZMQ_SNDMORE : 0));
    }
    await_events (pull, ZMQ_POLLIN);
    for (int part = 0; part < PARTS; part++) {
        const size_t size = part % 100 == 50 ? 100000 : part % 3 == 0 ? 0 : (size_t) part % 700;
        const int got = zmq_recv (pull, bytes, 100000, ZMQ_DONTWAIT);
        wrong += got != (int) size || integer_option (pull, ZMQ_RCVMORE) != (part < PARTS - 1);
        for (int i = 0; i < got && i < (int) size; i++)
            wrong += bytes[i] != (char) part;
    }
    printf ("wrong %d\n", wrong);
    show_events ("PULL", pull);
    free (bytes);
    zmq_close (push);
    zmq_close (pull);
}

int main (void)
{
    void *context = zmq_ctx_new ();
    half_sent (context, ZMQ_PUSH, ZMQ_PULL, "inproc");
    half_sent (context, ZMQ_PUSH, ZMQ_PULL, "tcp");
    half_sent (context, ZMQ_DEALER, ZMQ_ROUTER, "inproc");
    half_sent (context, ZMQ_DEALER, ZMQ_ROUTER, "tcp");
    half_dropped (context);
    not_to_another (context, ZMQ_PUSH);
    not_to_another (context, ZMQ_DEALER);
    broken_wire (context, ZMQ_PULL);
    broken_wire (context, ZMQ_SUB);
    broken_wire (context, ZMQ_ROUTER);
    broken_wire (context, ZMQ_DEALER);
    broken_wire (context, ZMQ_PAIR);
    half_read (context, "inproc");
    half_read (context, "tcp");
    no_mixing (context);
    many_parts (context, "inproc");
    many_parts (context, "tcp");
    SHOW (zmq_ctx_term (context));
    return 0;
}
