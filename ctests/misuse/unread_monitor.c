/* A monitor that nobody reads: the original's I/O thread waits for ever with its first event. */
#include "misuse.h"

static void unread (int closed)
{
    section (closed ? "a monitor whose reader closed" : "a monitor without a reader");
    char endpoint[128], buffer[16];
    void *context = zmq_ctx_new ();
    void *pull = open_socket (context, ZMQ_PULL);
    MUST (zmq_socket_monitor (pull, "inproc://unread", ZMQ_EVENT_ALL));
    if (closed) {
        void *monitor = open_socket (context, ZMQ_PAIR);
        MUST (zmq_connect (monitor, "inproc://unread"));
        MUST (zmq_close (monitor));
    }
    BIND_TCP (pull, endpoint);
    for (int i = 0; i < 3; i++) {
        void *push = open_socket (context, ZMQ_PUSH);
        MUST (zmq_connect (push, endpoint));
        MUST (zmq_send (push, "x", 1, 0));
        if (!await_events (pull, ZMQ_POLLIN) || zmq_recv (pull, buffer, sizeof buffer, 0) != 1)
            complaints++;
        zmq_close (push);
    }
    SURVIVED (zmq_socket_monitor (pull, NULL, 0));
    SURVIVED (zmq_close (pull));
    SURVIVED (zmq_ctx_term (context));
}

/* More events than a monitor's queue holds. */
static void overflowing (void)
{
    section ("a monitor that is not read for long");
    char endpoint[128];
    void *context = zmq_ctx_new ();
    void *pull = open_socket (context, ZMQ_PULL);
    void *monitor = open_monitor (context, pull, ZMQ_EVENT_ALL);
    BIND_TCP (pull, endpoint);
    for (int i = 0; i < 600; i++)
        close (raw_connect (endpoint));
    void *push = open_socket (context, ZMQ_PUSH);
    MUST (zmq_connect (push, endpoint));
    MUST (zmq_send (push, "x", 1, 0));
    show_message ("PULL", pull);
    SURVIVED (zmq_close (push));
    SURVIVED (zmq_close (pull));
    SURVIVED (zmq_close (monitor));
    SURVIVED (zmq_ctx_term (context));
}

int main (void)
{
    unread (0);
    unread (1);
    overflowing ();
    return verdict ();
}
