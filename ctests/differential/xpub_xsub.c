/* What an XPUB's user sees of subscriptions, and what an XSUB's user can send, option by option. */
#include "observe.h"

static void *xpub, *xsub, *second;
static char endpoint[128];

/* An XPUB with one option set, and an XSUB. */
static void open_both (void *context, int option, int value)
{
    xpub = open_socket (context, ZMQ_XPUB);
    xsub = open_socket (context, ZMQ_XSUB);
    second = open_socket (context, ZMQ_XSUB);
    if (option)
        SHOW (set_int (xpub, option, value));
    MUST (zmq_bind (xpub, INPROC_NAME (endpoint)));
    MUST (zmq_connect (xsub, endpoint));
    MUST (zmq_connect (second, endpoint));
}

static void close_both (void)
{
    zmq_close (xpub);
    zmq_close (xsub);
    zmq_close (second);
}

/* A script of subscriptions of two peers, and what the XPUB hears of each. */
static void script (void)
{
    static const struct {
        int peer;
        const char *text;
        size_t size;
    } steps[] = {
      {0, "\001a", 2}, {0, "\001a", 2}, {1, "\001a", 2}, {0, "\000a", 2}, {1, "\000a", 2}, {0, "\000a", 2},
      {0, "\000a", 2}, {0, "\001", 1},  {1, "\001", 1},  {0, "\000", 1},  {1, "\000", 1},  {1, "\000never", 6},
      {0, "\002x", 2}, {0, "", 0},      {1, "hello", 5}, {0, "\001\001", 2}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        void *peer = steps[i].peer ? second : xsub;
        errno = 0;
        const int rc = zmq_send (peer, steps[i].text, steps[i].size, 0);
        printf ("%d sends ", steps[i].peer);
        print_bytes (steps[i].text, steps[i].size);
        printf (" -> %d; XPUB topics", rc);
        await_events (xpub, 0);
        printf (" %d, hears:", integer_option (xpub, ZMQ_TOPICS_COUNT));
        char text[16];
        int size;
        while ((size = zmq_recv (xpub, text, sizeof text, ZMQ_DONTWAIT)) != -1) {
            printf (" ");
            print_bytes (text, (size_t) size);
        }
        printf ("\n");
    }
}

static void verbosity (void *context)
{
    static const struct {
        const char *name;
        int option;
    } options[] = {{"plain", 0}, {"VERBOSE", ZMQ_XPUB_VERBOSE}, {"VERBOSER", ZMQ_XPUB_VERBOSER}};
    for (size_t i = 0; i < 3; i++) {
        section ("XPUB %s", options[i].name);
        open_both (context, options[i].option, 1);
        script ();
        zmq_send (xsub, "\001closing", 8, 0);
        zmq_send (second, "\001closing", 8, 0);
        await_events (xpub, 0);
        drain (xpub);
        section ("peers close");
        zmq_close (xsub);
        xsub = NULL;
        if (options[i].option == ZMQ_XPUB_VERBOSER)
            show_messages_sorted ("XPUB", xpub, 2);
        else
            show_message ("XPUB", xpub);
        show_silence ("XPUB", xpub);
        zmq_close (second);
        show_message ("XPUB", xpub);
        show_silence ("XPUB", xpub);
        zmq_close (xpub);
    }
}

static void option_values (void *context)
{
    static const int options[] = {ZMQ_XPUB_VERBOSE, ZMQ_XPUB_VERBOSER, ZMQ_XPUB_NODROP, ZMQ_XPUB_MANUAL, ZMQ_XPUB_MANUAL_LAST_VALUE, ZMQ_ONLY_FIRST_SUBSCRIBE};
    section ("option values");
    xpub = open_socket (context, ZMQ_XPUB);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        for (int value = -1; value <= 2; value++)
            printf ("option %d value %d: %d\n", options[i], value, set_int (xpub, options[i], value));
        SHOW (zmq_setsockopt (xpub, options[i], "x", 1));
        SHOW (integer_option (xpub, options[i]));
    }
    SHOW (zmq_setsockopt (xpub, ZMQ_XPUB_WELCOME_MSG, "hi", 2));
    SHOW (zmq_setsockopt (xpub, ZMQ_XPUB_WELCOME_MSG, "", 0));
    zmq_close (xpub);
}

static void manual (void *context)
{
    section ("MANUAL");
    open_both (context, ZMQ_XPUB_MANUAL, 1);
    SHOW (set_text (xpub, ZMQ_SUBSCRIBE, "nobody asked"));
    MUST (zmq_send (xsub, "\001A", 2, 0));
    show_message ("XPUB", xpub);
    SHOW (set_text (xpub, ZMQ_SUBSCRIBE, "B"));
    MUST (send_text (xpub, "A", 0));
    MUST (send_text (xpub, "B", 0));
    show_message ("XSUB", xsub);
    show_silence ("XSUB", xsub);
    MUST (zmq_send (second, "\001C", 2, 0));
    show_message ("XPUB", xpub);
    SHOW (set_text (xpub, ZMQ_SUBSCRIBE, "C"));
    SHOW (set_text (xpub, ZMQ_SUBSCRIBE, "CC"));
    MUST (send_text (xpub, "B", 0));
    MUST (send_text (xpub, "CC", 0));
    show_message ("XSUB", xsub);
    show_message ("second", second);
    show_silence ("second", second);
    MUST (zmq_send (xsub, "\000A", 2, 0));
    show_message ("XPUB", xpub);
    SHOW (set_text (xpub, ZMQ_UNSUBSCRIBE, "B"));
    MUST (send_text (xpub, "B", 0));
    show_silence ("XSUB", xsub);
    MUST (zmq_send (second, "\001C", 2, 0));
    show_message ("XPUB hears duplicates", xpub);
    SHOW (integer_option (xpub, ZMQ_TOPICS_COUNT));
    zmq_close (second);
    second = NULL;
    show_message ("XPUB", xpub);
    show_silence ("XPUB", xpub);
    MUST (send_text (xpub, "CC", 0));
    zmq_close (xpub);
    zmq_close (xsub);
}

static void last_value (void *context)
{
    section ("MANUAL_LAST_VALUE");
    open_both (context, ZMQ_XPUB_MANUAL_LAST_VALUE, 1);
    MUST (zmq_send (xsub, "\001A", 2, 0));
    show_message ("XPUB", xpub);
    SHOW (set_text (xpub, ZMQ_SUBSCRIBE, "A"));
    MUST (send_parts (xpub, "A", "last value for the first", NULL));
    show_message ("first", xsub);
    MUST (zmq_send (second, "\001A", 2, 0));
    show_message ("XPUB", xpub);
    SHOW (set_text (xpub, ZMQ_SUBSCRIBE, "A"));
    MUST (send_parts (xpub, "A", "last value for the second", NULL));
    show_silence ("first", xsub);
    show_message ("second", second);
    MUST (send_parts (xpub, "A", "for both", NULL));
    show_message ("first", xsub);
    show_message ("second", second);
    close_both ();
}

static void welcome (void *context)
{
    section ("WELCOME_MSG");
    for (int tcp = 0; tcp < 2; tcp++) {
        xpub = open_socket (context, ZMQ_XPUB);
        void *sub = open_socket (context, ZMQ_SUB);
        SHOW (zmq_setsockopt (xpub, ZMQ_XPUB_WELCOME_MSG, "Welcome", 7));
        MUST (set_text (sub, ZMQ_SUBSCRIBE, "W"));
        if (tcp)
            BIND_TCP (xpub, endpoint);
        else
            MUST (zmq_bind (xpub, INPROC_NAME (endpoint)));
        MUST (zmq_connect (sub, endpoint));
        show_message ("XPUB", xpub);
        show_message ("SUB", sub);
        show_silence ("SUB", sub);
        MUST (send_text (xpub, "We", 0));
        show_message ("SUB", sub);
        zmq_close (sub);
        zmq_close (xpub);
    }
    void *sub = open_socket (context, ZMQ_SUB);
    xpub = open_socket (context, ZMQ_XPUB);
    MUST (zmq_setsockopt (xpub, ZMQ_XPUB_WELCOME_MSG, "Welcome", 7));
    MUST (zmq_setsockopt (xpub, ZMQ_XPUB_WELCOME_MSG, "", 0));
    MUST (set_text (sub, ZMQ_SUBSCRIBE, "W"));
    MUST (zmq_bind (xpub, INPROC_NAME (endpoint)));
    MUST (zmq_connect (sub, endpoint));
    show_silence ("SUB without a welcome", sub);
    zmq_close (sub);
    zmq_close (xpub);
}

/* User messages upstream, and what ONLY_FIRST_SUBSCRIBE makes of later parts. */
static void upstream (void *context, int only_first)
{
    section ("messages upstream, ONLY_FIRST_SUBSCRIBE %d", only_first);
    open_both (context, 0, 0);
    SHOW (set_int (xpub, ZMQ_ONLY_FIRST_SUBSCRIBE, only_first));
    SHOW (set_int (xsub, ZMQ_ONLY_FIRST_SUBSCRIBE, only_first));
    MUST (send_parts (xsub, "hello", "upstream", NULL));
    show_message ("XPUB", xpub);
    MUST (send_parts (xsub, "\001first", "\001later", NULL));
    show_message ("XPUB", xpub);
    SHOW (integer_option (xpub, ZMQ_TOPICS_COUNT));
    MUST (send_parts (xsub, "text", "\001second", "tail", NULL));
    show_message ("XPUB", xpub);
    while (drain (xpub) > 0) {
    }
    MUST (send_parts (xsub, "\001third", "a text", "its end", NULL));
    show_message ("XPUB", xpub);
    show_message ("XPUB", xpub);
    MUST (zmq_send (xsub, "\0third", 6, ZMQ_SNDMORE));
    MUST (send_text (xsub, "another", 0));
    show_message ("XPUB", xpub);
    show_message ("XPUB", xpub);
    SHOW (integer_option (xpub, ZMQ_TOPICS_COUNT));
    SHOW (integer_option (xsub, ZMQ_TOPICS_COUNT));
    close_both ();
}

static void verbose_unsubscribe (void *context)
{
    section ("XSUB_VERBOSE_UNSUBSCRIBE");
    open_both (context, ZMQ_XPUB_VERBOSER, 1);
    MUST (zmq_send (xsub, "\000a", 2, 0));
    show_silence ("XPUB", xpub);
    SHOW (set_int (xsub, ZMQ_XSUB_VERBOSE_UNSUBSCRIBE, 1));
    MUST (zmq_send (xsub, "\000a", 2, 0));
    show_message ("XPUB", xpub);
    close_both ();
}

/* XSUB is not filtered by itself; only its subscriptions decide. */
static void delivery (void *context)
{
    section ("what an XSUB receives over tcp");
    xpub = open_socket (context, ZMQ_XPUB);
    xsub = open_socket (context, ZMQ_XSUB);
    BIND_TCP (xpub, endpoint);
    MUST (zmq_connect (xsub, endpoint));
    MUST (zmq_send (xsub, "\001a", 2, 0));
    MUST (zmq_send (xsub, "\001b", 2, 0));
    show_message ("XPUB", xpub);
    show_message ("XPUB", xpub);
    MUST (send_parts (xpub, "a1", "tail", NULL));
    MUST (send_parts (xpub, "c", "tail", NULL));
    MUST (send_parts (xpub, "b1", "", "tail", NULL));
    show_message ("XSUB", xsub);
    show_message ("XSUB", xsub);
    MUST (zmq_send (xsub, "\000a", 2, 0));
    show_message ("XPUB", xpub);
    MUST (send_text (xpub, "a2", 0));
    MUST (send_text (xpub, "b2", 0));
    show_message ("XSUB", xsub);
    MUST (send_parts (xsub, "user", "message", NULL));
    show_message ("XPUB", xpub);
    show_events ("XPUB", xpub);
    show_events ("XSUB", xsub);
    zmq_close (xpub);
    zmq_close (xsub);
}

/* Subscriptions pass a forwarder made of XSUB and XPUB. */
static void forwarding (void *context)
{
    char inner[128];
    section ("through a forwarder");
    void *pub = open_socket (context, ZMQ_XPUB);
    void *sub = open_socket (context, ZMQ_SUB);
    xsub = open_socket (context, ZMQ_XSUB);
    xpub = open_socket (context, ZMQ_XPUB);
    BIND_TCP (pub, endpoint);
    MUST (zmq_connect (xsub, endpoint));
    BIND_TCP (xpub, inner);
    MUST (zmq_connect (sub, inner));
    MUST (set_text (sub, ZMQ_SUBSCRIBE, "news"));
    char text[64];
    await_events (xpub, ZMQ_POLLIN);
    int size = zmq_recv (xpub, text, sizeof text, 0);
    SHOW (zmq_send (xsub, text, (size_t) size, 0) == size);
    show_message ("origin", pub);
    MUST (send_parts (pub, "news", "today", NULL));
    await_events (xsub, ZMQ_POLLIN);
    size = zmq_recv (xsub, text, sizeof text, 0);
    MUST (zmq_send (xpub, text, (size_t) size, ZMQ_SNDMORE));
    size = zmq_recv (xsub, text, sizeof text, 0);
    MUST (zmq_send (xpub, text, (size_t) size, 0));
    show_message ("SUB", sub);
    zmq_close (pub);
    zmq_close (sub);
    zmq_close (xpub);
    zmq_close (xsub);
}

int main (void)
{
    void *context = zmq_ctx_new ();
    verbosity (context);
    option_values (context);
    manual (context);
    last_value (context);
    welcome (context);
    upstream (context, 0);
    upstream (context, 1);
    verbose_unsubscribe (context);
    delivery (context);
    forwarding (context);
    SHOW (zmq_ctx_term (context));
    return 0;
}
