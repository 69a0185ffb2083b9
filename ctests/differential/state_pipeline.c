/* PUSH and PULL: turns among peers, fairness, blocked and unblocked, parts kept together. */
#include "observe.h"

static char buffer[64];

static void turns (void *context, const char *transport)
{
    enum { PEERS = 3 };
    char endpoint[PEERS][128];
    void *pull[PEERS];
    section ("PUSH deals in turn over %s", transport);
    void *push = open_socket (context, ZMQ_PUSH);
    show_events ("PUSH alone", push);
    for (int i = 0; i < PEERS; i++) {
        pull[i] = open_socket (context, ZMQ_PULL);
        if (strcmp (transport, "tcp") == 0)
            BIND_TCP (pull[i], endpoint[i]);
        else
            MUST (zmq_bind (pull[i], INPROC_NAME (endpoint[i])));
        MUST (zmq_connect (push, endpoint[i]));
    }
    show_events ("PUSH connected", push);
    for (int turn = 0; turn < 2 * PEERS; turn++) {
        const char text[2] = {(char) ('0' + turn), 0};
        MUST (send_parts (push, text, "tail", NULL));
    }
    for (int i = 0; i < PEERS; i++) {
        printf ("peer %d\n", i);
        show_message ("first", pull[i]);
        show_message ("second", pull[i]);
        show_silence ("third", pull[i]);
    }
    SHOW (zmq_disconnect (push, endpoint[1]));
    for (int turn = 0; turn < 4; turn++) {
        const char text[2] = {(char) ('0' + turn), 0};
        MUST (send_text (push, text, 0));
    }
    for (int i = 0; i < PEERS; i += 2) {
        printf ("peer %d\n", i);
        show_message ("first", pull[i]);
        show_message ("second", pull[i]);
    }
    show_silence ("disconnected peer", pull[1]);
    zmq_close (push);
    for (int i = 0; i < PEERS; i++)
        zmq_close (pull[i]);
}

static void fair (void *context)
{
    enum { PEERS = 3 };
    char endpoint[128];
    void *push[PEERS];
    section ("PULL takes from its peers in turn");
    void *pull = open_socket (context, ZMQ_PULL);
    MUST (zmq_bind (pull, INPROC_NAME (endpoint)));
    for (int i = 0; i < PEERS; i++) {
        push[i] = open_socket (context, ZMQ_PUSH);
        MUST (zmq_connect (push[i], endpoint));
    }
    for (int i = 0; i < PEERS; i++)
        for (int k = 0; k < 3; k++) {
            const char text[3] = {(char) ('a' + i), (char) ('0' + k), 0};
            MUST (send_parts (push[i], text, "tail", NULL));
        }
    for (int i = 0; i < 3 * PEERS; i++)
        show_message ("PULL", pull);
    show_silence ("PULL", pull);
    show_events ("PULL", pull);
    for (int i = 0; i < PEERS; i++)
        zmq_close (push[i]);
    zmq_close (pull);
}

static void parts (void *context)
{
    section ("parts of one message stay on one peer");
    char endpoint[2][128];
    void *push = open_socket (context, ZMQ_PUSH);
    void *pull[2];
    for (int i = 0; i < 2; i++) {
        pull[i] = open_socket (context, ZMQ_PULL);
        MUST (set_int (pull[i], ZMQ_RCVHWM, 1));
        MUST (zmq_bind (pull[i], INPROC_NAME (endpoint[i])));
    }
    MUST (set_int (push, ZMQ_SNDHWM, 1));
    MUST (zmq_connect (push, endpoint[0]));
    MUST (send_text (push, "one", ZMQ_SNDMORE));
    MUST (zmq_connect (push, endpoint[1]));
    MUST (send_text (push, "two", ZMQ_SNDMORE));
    show_events ("PUSH within a message", push);
    MUST (send_text (push, "three", 0));
    SHOW (send_text (push, "m2", ZMQ_DONTWAIT));
    SHOW (send_text (push, "m3", ZMQ_DONTWAIT));
    SHOW (send_text (push, "m4", ZMQ_DONTWAIT));
    show_events ("PUSH full", push);
    SHOW (send_text (push, "m5", ZMQ_DONTWAIT));
    SHOW (send_text (push, "m5", ZMQ_DONTWAIT | ZMQ_SNDMORE));
    show_message ("peer 0", pull[0]);
    show_message ("peer 0", pull[0]);
    show_message ("peer 1", pull[1]);
    show_message ("peer 1", pull[1]);
    await_events (push, ZMQ_POLLOUT);
    show_events ("PUSH", push);
    SHOW (send_text (push, "m6", ZMQ_DONTWAIT));
    show_silence ("peer 1", pull[1]);
    show_message ("peer 0", pull[0]);
    zmq_close (push);
    zmq_close (pull[0]);
    zmq_close (pull[1]);
}

static void *blocked_send (void *push)
{
    for (int i = 0; i < 6; i++) {
        const char text[2] = {(char) ('0' + i), 0};
        if (send_text (push, text, 0) == -1)
            return "failed";
    }
    return "sent all";
}

static void blocking (void *context)
{
    section ("a blocked send goes on when there is room");
    char endpoint[128];
    pthread_t thread;
    void *result;
    void *push = open_socket (context, ZMQ_PUSH);
    void *pull = open_socket (context, ZMQ_PULL);
    MUST (set_int (push, ZMQ_SNDHWM, 1));
    MUST (set_int (pull, ZMQ_RCVHWM, 1));
    MUST (zmq_bind (pull, INPROC_NAME (endpoint)));
    MUST (zmq_connect (push, endpoint));
    if (pthread_create (&thread, NULL, blocked_send, push))
        give_up ("thread");
    for (int i = 0; i < 6; i++)
        show_message ("PULL", pull);
    pthread_join (thread, &result);
    printf ("sender %s\n", (const char *) result);
    zmq_close (push);

    section ("a blocked send ends with the context's shutdown");
    void *other = zmq_ctx_new ();
    push = open_socket (other, ZMQ_PUSH);
    if (pthread_create (&thread, NULL, blocked_send, push))
        give_up ("thread");
    sleep_ms (QUIET_MS);
    SHOW (zmq_ctx_shutdown (other));
    pthread_join (thread, &result);
    printf ("sender %s\n", (const char *) result);
    SHOW (send_text (push, "late", 0));
    SHOW (zmq_recv (push, buffer, sizeof buffer, 0));
    SHOW (integer_option (push, ZMQ_EVENTS));
    SHOW (set_int (push, ZMQ_LINGER, 0));
    SHOW (zmq_bind (push, "inproc://late"));
    SHOW (zmq_connect (push, "inproc://late"));
    SHOW (zmq_unbind (push, "inproc://late"));
    SHOW (zmq_socket_monitor (push, "inproc://late", ZMQ_EVENT_ALL));
    SHOW_POINTER (zmq_socket (other, ZMQ_PUSH));
    SHOW (zmq_close (push));
    SHOW (zmq_ctx_term (other));
    zmq_close (pull);
}

int main (void)
{
    void *context = zmq_ctx_new ();
    turns (context, "inproc");
    turns (context, "tcp");
    fair (context);
    parts (context);
    blocking (context);
    SHOW (zmq_ctx_term (context));
    return 0;
}
