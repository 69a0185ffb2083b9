/* Subscriptions: prefixes, duplicates, unsubscribing, inverted matching, parts, many topics. */
#include "observe.h"

/* A PUB and SUB joined over inproc, ready for messages. */
struct pair {
    void *pub;
    void *sub;
    char endpoint[128];
};

static struct pair open_pair (void *context, int pub_kind, int sub_kind, const char *transport)
{
    struct pair pair;
    pair.pub = open_socket (context, pub_kind);
    pair.sub = open_socket (context, sub_kind);
    if (strcmp (transport, "tcp") == 0)
        BIND_TCP (pair.pub, pair.endpoint);
    else
        MUST (zmq_bind (pair.pub, INPROC_NAME (pair.endpoint)));
    MUST (zmq_connect (pair.sub, pair.endpoint));
    return pair;
}

static void close_pair (struct pair pair)
{
    zmq_close (pair.pub);
    zmq_close (pair.sub);
}

static const char *const TOPICS[] = {"", "a", "ab", "abc", "abd", "b", "ba", "A", "\001", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
enum { TOPIC_COUNT = sizeof TOPICS / sizeof *TOPICS };

/* Publishes every topic and prints which came through. */
static void publish_all (struct pair pair)
{
    char text[64];
    await_events (pair.pub, 0);
    printf ("  passes:");
    for (int i = 0; i < TOPIC_COUNT; i++)
        MUST (send_text (pair.pub, TOPICS[i], 0));
    for (;;) {
        const int size = zmq_recv (pair.sub, text, sizeof text, ZMQ_DONTWAIT);
        if (size == -1)
            break;
        printf (" ");
        print_bytes (text, (size_t) size);
    }
    printf ("\n");
}

static void filters (void *context)
{
    static const char *const steps[] = {"+a", "+ab", "-a", "-a", "-ab", "+abc", "+abc", "-abc", "-abc", "+", "+b", "-", "-b", "-never", "+a", "+a", "+b", "-a"};
    section ("subscribing and unsubscribing step by step over inproc");
    struct pair pair = open_pair (context, ZMQ_PUB, ZMQ_SUB, "inproc");
    publish_all (pair);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        const int option = steps[i][0] == '+' ? ZMQ_SUBSCRIBE : ZMQ_UNSUBSCRIBE;
        const int rc = set_text (pair.sub, option, steps[i] + 1);
        printf ("%c[%s] -> %d %s\n", steps[i][0], steps[i] + 1, rc, rc == -1 ? errno_name (zmq_errno ()) : "");
        publish_all (pair);
    }
    close_pair (pair);
}

static void option_errors (void *context)
{
    section ("errors");
    void *sub = open_socket (context, ZMQ_SUB);
    void *pub = open_socket (context, ZMQ_PUB);
    void *xsub = open_socket (context, ZMQ_XSUB);
    void *xpub = open_socket (context, ZMQ_XPUB);
    void *push = open_socket (context, ZMQ_PUSH);
    SHOW (zmq_setsockopt (sub, ZMQ_SUBSCRIBE, NULL, 0));
    SHOW (zmq_setsockopt (sub, ZMQ_UNSUBSCRIBE, NULL, 0));
    SHOW (set_text (pub, ZMQ_SUBSCRIBE, "a"));
    SHOW (set_text (xpub, ZMQ_SUBSCRIBE, "a"));
    SHOW (set_text (xsub, ZMQ_SUBSCRIBE, "a"));
    SHOW (set_text (xsub, ZMQ_UNSUBSCRIBE, "a"));
    SHOW (set_text (push, ZMQ_SUBSCRIBE, "a"));
    SHOW (integer_option (sub, ZMQ_TOPICS_COUNT));
    SHOW (integer_option (pub, ZMQ_TOPICS_COUNT));
    SHOW (integer_option (xsub, ZMQ_TOPICS_COUNT));
    SHOW (integer_option (xpub, ZMQ_TOPICS_COUNT));
    SHOW (integer_option (push, ZMQ_TOPICS_COUNT));
    SHOW (set_int (sub, ZMQ_TOPICS_COUNT, 1));
    size_t size = 8;
    char text[8];
    SHOW (zmq_getsockopt (sub, ZMQ_SUBSCRIBE, text, &size));
    zmq_close (sub);
    zmq_close (pub);
    zmq_close (xsub);
    zmq_close (xpub);
    zmq_close (push);
}

static void parts (void *context)
{
    section ("only the first part is matched");
    struct pair pair = open_pair (context, ZMQ_PUB, ZMQ_SUB, "inproc");
    MUST (set_text (pair.sub, ZMQ_SUBSCRIBE, "yes"));
    await_events (pair.pub, 0);
    MUST (send_parts (pair.pub, "yes", "body", NULL));
    MUST (send_parts (pair.pub, "no", "yes", NULL));
    MUST (send_parts (pair.pub, "no", "yes", "yes", NULL));
    MUST (send_parts (pair.pub, "yes", "", "no", NULL));
    show_message ("SUB", pair.sub);
    show_message ("SUB", pair.sub);
    show_silence ("SUB", pair.sub);
    show_events ("SUB", pair.sub);
    close_pair (pair);
}

static void inverted (void *context)
{
    section ("inverted matching");
    struct pair pair;
    pair.pub = open_socket (context, ZMQ_PUB);
    pair.sub = open_socket (context, ZMQ_SUB);
    SHOW (set_int (pair.pub, ZMQ_INVERT_MATCHING, 1));
    SHOW (set_int (pair.sub, ZMQ_INVERT_MATCHING, 1));
    MUST (zmq_bind (pair.pub, INPROC_NAME (pair.endpoint)));
    MUST (zmq_connect (pair.sub, pair.endpoint));
    publish_all (pair);
    MUST (set_text (pair.sub, ZMQ_SUBSCRIBE, "a"));
    publish_all (pair);
    MUST (set_text (pair.sub, ZMQ_SUBSCRIBE, "b"));
    publish_all (pair);
    MUST (set_text (pair.sub, ZMQ_UNSUBSCRIBE, "a"));
    publish_all (pair);
    MUST (set_text (pair.sub, ZMQ_SUBSCRIBE, ""));
    publish_all (pair);
    close_pair (pair);
}

static void late_and_early (void *context)
{
    section ("subscribing before, after and without a connection over tcp");
    char endpoint[128];
    void *xpub = open_socket (context, ZMQ_XPUB);
    void *sub = open_socket (context, ZMQ_SUB);
    MUST (set_text (sub, ZMQ_SUBSCRIBE, "early"));
    MUST (zmq_connect (sub, FREE_ENDPOINT (endpoint)));
    MUST (set_text (sub, ZMQ_SUBSCRIBE, "while alone"));
    MUST (zmq_bind (xpub, endpoint));
    show_message ("XPUB", xpub);
    show_message ("XPUB", xpub);
    MUST (set_text (sub, ZMQ_SUBSCRIBE, "late"));
    show_message ("XPUB", xpub);
    MUST (send_text (xpub, "early bird", 0));
    MUST (send_text (xpub, "unwanted", 0));
    MUST (send_text (xpub, "late bird", 0));
    show_message ("SUB", sub);
    show_message ("SUB", sub);
    MUST (set_text (sub, ZMQ_UNSUBSCRIBE, "early"));
    show_message ("XPUB", xpub);
    MUST (send_text (xpub, "early bird", 0));
    MUST (send_text (xpub, "late bird", 0));
    show_message ("SUB", sub);

    section ("subscriptions survive a reconnection");
    zmq_close (xpub);
    xpub = open_socket (context, ZMQ_XPUB);
    while (zmq_bind (xpub, endpoint) == -1)
        sleep_ms (1);
    attended = sub;
    show_messages_sorted ("XPUB", xpub, 2);
    attended = NULL;
    MUST (send_text (xpub, "late again", 0));
    show_message ("SUB", sub);
    zmq_close (sub);
    show_messages_sorted ("XPUB", xpub, 2);
    show_silence ("XPUB", xpub);
    zmq_close (xpub);
}

static void two_publishers (void *context)
{
    section ("one SUB of two PUBs");
    char endpoint[128];
    void *pub[2];
    void *sub = open_socket (context, ZMQ_SUB);
    MUST (set_text (sub, ZMQ_SUBSCRIBE, "x"));
    for (int i = 0; i < 2; i++) {
        pub[i] = open_socket (context, ZMQ_PUB);
        MUST (zmq_bind (pub[i], INPROC_NAME (endpoint)));
        MUST (zmq_connect (sub, endpoint));
        await_events (pub[i], 0);
    }
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 2; i++) {
            const char text[4] = {'x', (char) ('0' + i), (char) ('a' + k), 0};
            MUST (send_parts (pub[i], text, "tail", NULL));
        }
    for (int i = 0; i < 6; i++)
        show_message ("SUB", sub);
    show_silence ("SUB", sub);
    for (int i = 0; i < 2; i++)
        zmq_close (pub[i]);
    zmq_close (sub);
}

static void many_topics (void *context)
{
    section ("ten thousand topics");
    struct pair pair = open_pair (context, ZMQ_XPUB, ZMQ_SUB, "inproc");
    MUST (set_int (pair.pub, ZMQ_RCVHWM, 0));
    MUST (set_int (pair.sub, ZMQ_SNDHWM, 0));
    for (int i = 0; i < 10000; i++) {
        char topic[16];
        snprintf (topic, sizeof topic, "%d.", i);
        MUST (set_text (pair.sub, ZMQ_SUBSCRIBE, topic));
        if (i % 500 == 499)
            await_events (pair.pub, 0);
    }
    SHOW (integer_option (pair.sub, ZMQ_TOPICS_COUNT));
    SHOW (drain (pair.pub));
    SHOW (integer_option (pair.pub, ZMQ_TOPICS_COUNT));
    MUST (send_text (pair.pub, "1234.x", 0));
    MUST (send_text (pair.pub, "1234", 0));
    MUST (send_text (pair.pub, "10000.x", 0));
    MUST (send_text (pair.pub, "9999.", 0));
    show_message ("SUB", pair.sub);
    show_message ("SUB", pair.sub);
    show_silence ("SUB", pair.sub);
    for (int i = 0; i < 10000; i += 2) {
        char topic[16];
        snprintf (topic, sizeof topic, "%d.", i);
        MUST (set_text (pair.sub, ZMQ_UNSUBSCRIBE, topic));
        if (i % 500 == 0)
            await_events (pair.pub, 0);
    }
    SHOW (integer_option (pair.sub, ZMQ_TOPICS_COUNT));
    SHOW (drain (pair.pub));
    SHOW (integer_option (pair.pub, ZMQ_TOPICS_COUNT));
    MUST (send_text (pair.pub, "1234.x", 0));
    MUST (send_text (pair.pub, "1235.x", 0));
    show_message ("SUB", pair.sub);
    show_silence ("SUB", pair.sub);
    close_pair (pair);

    section ("a topic of 100,000 bytes");
    pair = open_pair (context, ZMQ_XPUB, ZMQ_SUB, "tcp");
    char *topic = malloc (100001);
    memset (topic, 'z', 100001);
    MUST (zmq_setsockopt (pair.sub, ZMQ_SUBSCRIBE, topic, 100000));
    show_message ("XPUB", pair.pub);
    MUST (zmq_send (pair.pub, topic, 99999, 0));
    MUST (zmq_send (pair.pub, topic, 100001, 0));
    show_message ("SUB", pair.sub);
    MUST (zmq_setsockopt (pair.sub, ZMQ_UNSUBSCRIBE, topic, 100000));
    show_message ("XPUB", pair.pub);
    free (topic);
    close_pair (pair);
}

int main (void)
{
    void *context = zmq_ctx_new ();
    filters (context);
    option_errors (context);
    parts (context);
    inverted (context);
    late_and_early (context);
    two_publishers (context);
    many_topics (context);
    SHOW (zmq_ctx_term (context));
    return 0;
}
