/*
 * One socket used by several threads at once, which only the thread-safe kinds allow. Each call may
 * succeed or fail; nothing may crash, hang, or be corrupted, and afterwards the socket can be closed.
 */
#include "misuse.h"

enum { THREADS = 4, CALLS = 3000 };

static void *use (void *s)
{
    char buffer[256];
    memset (buffer, 'x', sizeof buffer);
    for (int i = 0; i < CALLS; i++) {
        int value = 0;
        size_t size = sizeof value;
        zmq_pollitem_t item = {s, 0, ZMQ_POLLIN | ZMQ_POLLOUT, 0};
        switch (i % 7) {
            case 0:
            case 1:
                zmq_send (s, buffer, (size_t) i % sizeof buffer, ZMQ_DONTWAIT | (i % 3 ? ZMQ_SNDMORE : 0));
                break;
            case 2:
            case 3:
                zmq_recv (s, buffer, sizeof buffer, ZMQ_DONTWAIT);
                break;
            case 4:
                zmq_poll (&item, 1, 0);
                break;
            case 5:
                zmq_getsockopt (s, i % 2 ? ZMQ_EVENTS : ZMQ_RCVMORE, &value, &size);
                break;
            case 6:
                zmq_setsockopt (s, ZMQ_SUBSCRIBE, buffer, (size_t) i % 5);
                value = i % 1000 + 1;
                zmq_setsockopt (s, ZMQ_SNDHWM, &value, sizeof value);
                break;
        }
    }
    return NULL;
}

static void *connect_and_disconnect (void *s)
{
    char endpoint[64];
    for (int i = 0; i < 100; i++) {
        snprintf (endpoint, sizeof endpoint, "inproc://many.%d", i % 7);
        zmq_connect (s, endpoint);
        zmq_bind (s, endpoint);
        zmq_disconnect (s, endpoint);
        zmq_unbind (s, endpoint);
    }
    return NULL;
}

static void pair (int kind, int peer_kind, const char *transport)
{
    section ("%s and %s over %s", kind_name (kind), kind_name (peer_kind), transport);
    char endpoint[128];
    pthread_t threads[THREADS + 1];
    void *context = zmq_ctx_new ();
    void *s = open_socket (context, kind);
    void *peer = open_socket (context, peer_kind);
    if (strcmp (transport, "tcp") == 0)
        BIND_TCP (s, endpoint);
    else
        MUST (zmq_bind (s, INPROC_NAME (endpoint)));
    MUST (zmq_connect (peer, endpoint));
    for (int i = 0; i < THREADS; i++)
        if (pthread_create (&threads[i], NULL, use, i % 2 ? s : peer))
            give_up ("thread");
    if (pthread_create (&threads[THREADS], NULL, connect_and_disconnect, s))
        give_up ("thread");
    for (int i = 0; i <= THREADS; i++)
        pthread_join (threads[i], NULL);
    SURVIVED (zmq_close (s));
    SURVIVED (zmq_close (peer));
    SURVIVED (zmq_ctx_term (context));
}

int main (void)
{
    static const int kinds[][2] = {{ZMQ_PAIR, ZMQ_PAIR}, {ZMQ_PUSH, ZMQ_PULL}, {ZMQ_PUB, ZMQ_SUB}, {ZMQ_XPUB, ZMQ_XSUB}, {ZMQ_REP, ZMQ_REQ}, {ZMQ_ROUTER, ZMQ_DEALER}, {ZMQ_STREAM, ZMQ_STREAM}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (kinds[i][0] != ZMQ_STREAM)
            pair (kinds[i][0], kinds[i][1], "inproc");
        pair (kinds[i][0], kinds[i][1], "tcp");
    }
    return verdict ();
}
