/* Every kind of socket without a peer: what it shows, what it refuses, and with which error. */
#include "observe.h"

static void observe (void *context, int kind)
{
    section ("%s", kind_name (kind));
    void *s = open_socket (context, kind);
    char buffer[8];
    zmq_msg_t message;

    show_events ("idle", s);
    SHOW (integer_option (s, ZMQ_TYPE));
    SHOW (integer_option (s, ZMQ_RCVMORE));
    SHOW (integer_option (s, ZMQ_THREAD_SAFE));
    SHOW (zmq_send (s, "a", 1, ZMQ_DONTWAIT));
    SHOW (zmq_send (s, NULL, 0, ZMQ_DONTWAIT));
    show_events ("after send", s);
    SHOW (zmq_recv (s, buffer, sizeof buffer, ZMQ_DONTWAIT));
    show_events ("after recv", s);

    zmq_msg_init_size (&message, 3);
    memcpy (zmq_msg_data (&message), "abc", 3);
    SHOW (zmq_msg_send (&message, s, ZMQ_DONTWAIT));
    SHOW (zmq_msg_size (&message));
    zmq_msg_close (&message);
    zmq_msg_init (&message);
    SHOW (zmq_msg_recv (&message, s, ZMQ_DONTWAIT));
    SHOW (zmq_msg_size (&message));
    zmq_msg_close (&message);

    MUST (set_int (s, ZMQ_SNDTIMEO, 0));
    MUST (set_int (s, ZMQ_RCVTIMEO, 0));
    SHOW (zmq_send (s, "b", 1, 0));
    SHOW (zmq_recv (s, buffer, sizeof buffer, 0));
    MUST (set_int (s, ZMQ_SNDTIMEO, 20));
    MUST (set_int (s, ZMQ_RCVTIMEO, 20));
    SHOW (zmq_send (s, "c", 1, 0));
    SHOW (zmq_recv (s, buffer, sizeof buffer, 0));

    zmq_pollitem_t item = {s, 0, ZMQ_POLLIN | ZMQ_POLLOUT | ZMQ_POLLERR | ZMQ_POLLPRI, 77};
    SHOW (zmq_poll (&item, 1, 0));
    SHOW (item.revents);

    SHOW (zmq_join (s, "group"));
    SHOW (zmq_leave (s, "group"));
    SHOW (zmq_socket_get_peer_state (s, "peer", 4));
    SHOW (zmq_socket_monitor_pipes_stats (s));
    SHOW (zmq_connect_peer (s, "inproc://nobody") != 0);
    printf ("%s\n", errno_name (kind == ZMQ_PEER ? 0 : zmq_errno ()));
    SHOW (zmq_close (s));
}

/* The same with a peer-less endpoint, so that there is a pipe to fill. */
static void observe_connected (void *context, int kind)
{
    char endpoint[64];
    char buffer[8];
    section ("%s connected to nobody", kind_name (kind));
    void *s = open_socket (context, kind);
    MUST (set_int (s, ZMQ_SNDHWM, 2));
    SHOW (zmq_connect (s, FREE_ENDPOINT (endpoint)));
    show_events ("connected", s);
    for (int i = 0; i < 4; i++) {
        SHOW (zmq_send (s, "a", 1, ZMQ_DONTWAIT));
        show_events ("then", s);
    }
    SHOW (zmq_recv (s, buffer, sizeof buffer, ZMQ_DONTWAIT));
    SHOW (zmq_close (s));

    section ("%s with IMMEDIATE", kind_name (kind));
    s = open_socket (context, kind);
    SHOW (set_int (s, ZMQ_IMMEDIATE, 1));
    SHOW (zmq_connect (s, endpoint));
    show_events ("connected", s);
    SHOW (zmq_send (s, "a", 1, ZMQ_DONTWAIT));
    show_events ("then", s);
    SHOW (zmq_close (s));
}

int main (void)
{
    void *context = zmq_ctx_new ();
    for (int kind = ZMQ_PAIR; kind <= ZMQ_CHANNEL; kind++)
        if (kind != ZMQ_DGRAM)
            observe (context, kind);
    for (int kind = ZMQ_PAIR; kind <= ZMQ_CHANNEL; kind++)
        if (kind != ZMQ_STREAM && kind != ZMQ_DGRAM)
            observe_connected (context, kind);

    section ("kinds that do not exist");
    SHOW_POINTER (zmq_socket (context, -1));
    SHOW_POINTER (zmq_socket (context, 21));
    SHOW_POINTER (zmq_socket (context, 99));
    SHOW_POINTER (zmq_socket (context, 0x7fffffff));
    SHOW_POINTER (zmq_socket (NULL, ZMQ_PAIR));
    SHOW (zmq_ctx_term (context));
    return 0;
}
