/* Linger, closing, and the end of contexts: what is delivered, what is dropped, who is woken how. */
#include "observe.h"

static char buffer[64];

/* What a peer that comes after the close still receives, by linger. */
static void linger (void *context, int milliseconds, const char *how)
{
    char endpoint[128];
    section ("LINGER %d, %s", milliseconds, how);
    void *own = zmq_ctx_new ();
    void *push = open_socket (own, ZMQ_PUSH);
    MUST (set_int (push, ZMQ_LINGER, milliseconds));
    MUST (set_int (push, ZMQ_RECONNECT_IVL, 10));
    MUST (zmq_connect (push, FREE_ENDPOINT (endpoint)));
    for (int i = 0; i < 3; i++)
        MUST (send_text (push, i == 0 ? "one" : i == 1 ? "two" : "three", 0));
    const long long begin = now_ms ();
    SHOW (zmq_close (push));
    if (strcmp (how, "term first") == 0) {
        SHOW (zmq_ctx_term (own));
        const long long took = now_ms () - begin;
        printf ("waited: %s\n", took >= milliseconds - 2 ? "long enough" : "too short");
    }
    void *pull = open_socket (context, ZMQ_PULL);
    MUST (zmq_bind (pull, endpoint));
    if (strcmp (how, "peer first") == 0 && milliseconds != 0) {
        for (int i = 0; i < 3; i++)
            show_message ("PULL", pull);
        SHOW (zmq_ctx_term (own));
    } else if (strcmp (how, "peer first") == 0)
        SHOW (zmq_ctx_term (own));
    show_silence ("PULL", pull);
    zmq_close (pull);
}

static void linger_values (void *context)
{
    static const int values[] = {-2, -1, 0, 1, 1000, 0x7fffffff};
    section ("LINGER values");
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        void *s = zmq_socket (context, ZMQ_PUSH);
        if (i == 0)
            printf ("default %d\n", integer_option (s, ZMQ_LINGER));
        printf ("%d: %d", values[i], set_int (s, ZMQ_LINGER, values[i]));
        printf (" reads %d\n", integer_option (s, ZMQ_LINGER));
        set_int (s, ZMQ_LINGER, 0);
        zmq_close (s);
    }
    void *own = zmq_ctx_new ();
    SHOW (zmq_ctx_get (own, ZMQ_BLOCKY));
    SHOW (zmq_ctx_set (own, ZMQ_BLOCKY, 0));
    void *s = zmq_socket (own, ZMQ_PUSH);
    SHOW (integer_option (s, ZMQ_LINGER));
    zmq_close (s);
    SHOW (zmq_ctx_term (own));
}

/* Whatever was sent arrives when the sender closes at once and lingers without end. */
static void close_at_once (void *context, const char *transport, int count)
{
    char endpoint[128];
    section ("%d messages, then close, over %s", count, transport);
    void *pull = open_socket (context, ZMQ_PULL);
    void *push = zmq_socket (context, ZMQ_PUSH);
    MUST (set_int (pull, ZMQ_RCVHWM, 0));
    MUST (set_int (push, ZMQ_SNDHWM, 0));
    if (strcmp (transport, "tcp") == 0)
        BIND_TCP (pull, endpoint);
    else if (strcmp (transport, "ipc") == 0)
        MUST (zmq_bind (pull, strcpy (endpoint, "ipc://lifetime.socket")));
    else
        MUST (zmq_bind (pull, INPROC_NAME (endpoint)));
    MUST (zmq_connect (push, endpoint));
    for (int i = 0; i < count; i++)
        MUST (zmq_send (push, &i, sizeof i, 0));
    SHOW (zmq_close (push));
    int received = 0, number = -1;
    while (received < count && await_events (pull, ZMQ_POLLIN) && zmq_recv (pull, &number, sizeof number, 0) == (int) sizeof number
           && number == received)
        received++;
    printf ("received in order: %d\n", received);
    show_silence ("PULL", pull);
    zmq_close (pull);
}

struct waiting {
    void *socket;
    int call;
    int rc;
    int error;
};

static void *wait_in_call (void *argument)
{
    struct waiting *waiting = argument;
    zmq_pollitem_t item = {waiting->socket, 0, ZMQ_POLLIN, 0};
    errno = 0;
    switch (waiting->call) {
        case 0:
            waiting->rc = zmq_recv (waiting->socket, buffer, sizeof buffer, 0);
            break;
        case 1:
            waiting->rc = zmq_send (waiting->socket, "x", 1, 0);
            break;
        case 2:
            waiting->rc = zmq_poll (&item, 1, -1);
            break;
        case 3:
            waiting->rc = zmq_proxy (waiting->socket, waiting->socket, NULL);
            break;
    }
    waiting->error = zmq_errno ();
    zmq_close (waiting->socket);
    return NULL;
}

/* Blocking calls end with ETERM when the context goes, by shutdown or by term. */
static void woken (int by_term)
{
    static const struct {
        const char *name;
        int kind;
        int call;
    } calls[] = {{"recv", ZMQ_PULL, 0}, {"send", ZMQ_PUSH, 1}, {"poll", ZMQ_PULL, 2}, {"proxy", ZMQ_ROUTER, 3}, {"recv of SUB", ZMQ_SUB, 0}, {"recv of REP", ZMQ_REP, 0}};
    section ("blocked calls woken by %s", by_term ? "zmq_ctx_term" : "zmq_ctx_shutdown");
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        pthread_t thread;
        void *context = zmq_ctx_new ();
        struct waiting waiting = {.socket = open_socket (context, calls[i].kind), .call = calls[i].call};
        MUST (zmq_bind (waiting.socket, "inproc://woken"));
        if (pthread_create (&thread, NULL, wait_in_call, &waiting))
            give_up ("thread");
        sleep_ms (20);
        if (!by_term)
            MUST (zmq_ctx_shutdown (context));
        const int rc = zmq_ctx_term (context);
        pthread_join (thread, NULL);
        printf ("%s: %d %s; term %d\n", calls[i].name, waiting.rc, errno_name (waiting.error), rc);
    }
}

static void ended_context (void)
{
    section ("calls in an ended context");
    char endpoint[128];
    void *context = zmq_ctx_new ();
    void *s = open_socket (context, ZMQ_DEALER);
    zmq_msg_t message;
    int value = 1;
    size_t size = sizeof value;
    SHOW (zmq_ctx_shutdown (context));
    SHOW (zmq_ctx_shutdown (context));
    SHOW_POINTER (zmq_socket (context, ZMQ_PULL));
    SHOW (zmq_ctx_get (context, ZMQ_MAX_SOCKETS));
    SHOW (zmq_ctx_set (context, ZMQ_MAX_SOCKETS, 5));
    SHOW (zmq_send (s, "x", 1, ZMQ_DONTWAIT));
    SHOW (zmq_recv (s, buffer, 1, ZMQ_DONTWAIT));
    zmq_msg_init_size (&message, 3);
    SHOW (zmq_msg_send (&message, s, 0));
    SHOW (zmq_msg_size (&message));
    SHOW (zmq_msg_recv (&message, s, 0));
    zmq_msg_close (&message);
    SHOW (zmq_setsockopt (s, ZMQ_SNDHWM, &value, sizeof value));
    SHOW (zmq_getsockopt (s, ZMQ_SNDHWM, &value, &size));
    SHOW (zmq_getsockopt (s, ZMQ_FD, &value, &size));
    SHOW (zmq_bind (s, "tcp://127.0.0.1:*"));
    SHOW (zmq_connect (s, FREE_ENDPOINT (endpoint)));
    SHOW (zmq_unbind (s, "tcp://127.0.0.1:1"));
    SHOW (zmq_disconnect (s, "tcp://127.0.0.1:1"));
    zmq_pollitem_t item = {s, 0, ZMQ_POLLIN, 0};
    SHOW (zmq_poll (&item, 1, 0));
    SHOW (zmq_socket_monitor (s, "inproc://monitor", ZMQ_EVENT_ALL));
    SHOW (zmq_close (s));
    SHOW (zmq_ctx_term (context));
}

static void many (void)
{
    section ("many sockets and contexts");
    int opened = 0;
    for (int turn = 0; turn < 50; turn++) {
        void *context = zmq_ctx_new ();
        void *sockets[20];
        for (int i = 0; i < 20; i++)
            sockets[i] = open_socket (context, i % 12);
        for (int i = 0; i < 20; i++)
            opened += zmq_close (sockets[i]) == 0;
        MUST (zmq_ctx_term (context));
    }
    printf ("opened and closed %d\n", opened);
}

static void limit (void)
{
    section ("the limit of sockets");
    void *context = zmq_ctx_new ();
    void *sockets[5];
    MUST (zmq_ctx_set (context, ZMQ_MAX_SOCKETS, 3));
    for (int i = 0; i < 5; i++) {
        errno = 0;
        sockets[i] = zmq_socket (context, ZMQ_PULL);
        printf ("socket %d: %s\n", i, sockets[i] ? "opened" : errno_name (zmq_errno ()));
    }
    SHOW (zmq_close (sockets[0]));
    while (!(sockets[0] = zmq_socket (context, ZMQ_PULL)))
        sleep_ms (1);
    printf ("one closed, one opened\n");
    for (int i = 0; i < 5; i++)
        if (sockets[i])
            zmq_close (sockets[i]);
    SHOW (zmq_ctx_term (context));
}

int main (void)
{
    void *context = zmq_ctx_new ();
    linger (context, 0, "peer first");
    linger (context, -1, "peer first");
    linger (context, 100000, "peer first");
    linger (context, 0, "term first");
    linger (context, 100, "term first");
    linger_values (context);
    close_at_once (context, "inproc", 5000);
    close_at_once (context, "tcp", 5000);
    close_at_once (context, "ipc", 5000);
    woken (0);
    woken (1);
    ended_context ();
    many ();
    limit ();
    SHOW (zmq_ctx_term (context));
    SHOW_POINTER (zmq_init (-1));
    SHOW (zmq_term (zmq_init (1)));
    SHOW (zmq_ctx_destroy (zmq_init (0)));
    return 0;
}
