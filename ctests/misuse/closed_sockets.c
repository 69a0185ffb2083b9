/* Every call on a socket that was closed, once its context still lives and once it is gone. */
#include "misuse.h"

static void use (void *s)
{
    char byte = 0;
    int value = 0;
    size_t size = sizeof value;
    zmq_msg_t message;
    zmq_msg_init_size (&message, 3);
    zmq_pollitem_t item = {s, 0, ZMQ_POLLIN, 0};
    REFUSED (zmq_close (s));
    REFUSED (zmq_bind (s, "inproc://closed"));
    REFUSED (zmq_connect (s, "inproc://closed"));
    REFUSED (zmq_unbind (s, "inproc://closed"));
    REFUSED (zmq_disconnect (s, "inproc://closed"));
    REFUSED (zmq_setsockopt (s, ZMQ_LINGER, &value, sizeof value));
    REFUSED (zmq_getsockopt (s, ZMQ_EVENTS, &value, &size));
    REFUSED (zmq_send (s, "x", 1, ZMQ_DONTWAIT));
    REFUSED (zmq_send_const (s, "x", 1, ZMQ_DONTWAIT));
    REFUSED (zmq_recv (s, &byte, 1, ZMQ_DONTWAIT));
    REFUSED (zmq_msg_send (&message, s, ZMQ_DONTWAIT));
    REFUSED (zmq_msg_recv (&message, s, ZMQ_DONTWAIT));
    REFUSED (zmq_socket_monitor (s, "inproc://monitor", ZMQ_EVENT_ALL));
    REFUSED (zmq_socket_monitor (s, NULL, 0));
    REFUSED (zmq_socket_monitor_pipes_stats (s));
    REFUSED (zmq_socket_get_peer_state (s, "x", 1));
    REFUSED (zmq_join (s, "g"));
    REFUSED (zmq_leave (s, "g"));
    REFUSED (zmq_poll (&item, 1, 0));
    REFUSED (zmq_ppoll (&item, 1, 0, NULL));
    REFUSED (zmq_proxy (s, s, NULL));
    REFUSED (zmq_proxy_steerable (s, s, s, s));
    REFUSED (zmq_device (ZMQ_QUEUE, s, s));
    zmq_msg_close (&message);
}

int main (void)
{
    for (int kind = ZMQ_PAIR; kind <= ZMQ_STREAM; kind++) {
        section ("%s", kind_name (kind));
        void *context = zmq_ctx_new ();
        void *s = open_socket (context, kind);
        MUST (zmq_close (s));
        use (s);
        /* The reaper has freed it by now. */
        sleep_ms (20);
        use (s);
        MUST (zmq_ctx_term (context));
        use (s);
    }

    section ("a proxy of which one end is closed");
    void *context = zmq_ctx_new ();
    void *s = open_socket (context, ZMQ_PULL);
    void *closed = open_socket (context, ZMQ_PUSH);
    zmq_close (closed);
    REFUSED (zmq_proxy (s, closed, NULL));
    REFUSED (zmq_proxy (closed, s, NULL));
    REFUSED (zmq_proxy_steerable (s, s, NULL, closed));
    zmq_close (s);
    MUST (zmq_ctx_term (context));
    return verdict ();
}
