/* NULL where a string, a buffer, a size, a message or an item list belongs. */
#include "misuse.h"

static void sockets (void *context)
{
    section ("sockets");
    void *s = open_socket (context, ZMQ_ROUTER);
    int value = 0;
    size_t size = sizeof value;
    REFUSED (zmq_bind (s, NULL));
    REFUSED (zmq_connect (s, NULL));
    REFUSED (zmq_unbind (s, NULL));
    REFUSED (zmq_disconnect (s, NULL));
    REFUSED (zmq_setsockopt (s, ZMQ_LINGER, NULL, sizeof value));
    REFUSED (zmq_getsockopt (s, ZMQ_LINGER, NULL, &size));
    REFUSED (zmq_getsockopt (s, ZMQ_LINGER, &value, NULL));
    REFUSED (zmq_getsockopt (s, ZMQ_LINGER, NULL, NULL));
    REFUSED (zmq_send (s, NULL, 5, ZMQ_DONTWAIT));
    REFUSED (zmq_send_const (s, NULL, 5, ZMQ_DONTWAIT));
    REFUSED (zmq_msg_send (NULL, s, ZMQ_DONTWAIT));
    REFUSED (zmq_msg_recv (NULL, s, ZMQ_DONTWAIT));
    REFUSED (zmq_sendmsg (s, NULL, 0));
    REFUSED (zmq_recvmsg (s, NULL, ZMQ_DONTWAIT));
    REFUSED (zmq_socket_get_peer_state (s, NULL, 5));
    SURVIVED (zmq_socket_monitor_versioned (s, NULL, 0, 9, 99));
    REFUSED (zmq_socket_monitor_versioned (s, "inproc://m", 1, 9, 99));
    for (int option = 0; option < 130; option++) {
        zmq_setsockopt (s, option, NULL, 0);
        zmq_setsockopt (s, option, NULL, 4);
        zmq_setsockopt (s, option, NULL, 1000);
        size = sizeof value;
        zmq_getsockopt (s, option, NULL, &size);
        zmq_getsockopt (s, option, NULL, NULL);
        zmq_getsockopt (s, option, &value, NULL);
    }
    printf ("every option with NULL\n");
    zmq_close (s);

    void *pair = open_socket (context, ZMQ_PAIR);
    void *peer = open_socket (context, ZMQ_PAIR);
    MUST (zmq_bind (pair, "inproc://nulls"));
    MUST (zmq_connect (peer, "inproc://nulls"));
    MUST (send_text (peer, "text", 0));
    SURVIVED (zmq_recv (pair, NULL, 10, ZMQ_DONTWAIT));
    MUST (send_text (peer, "text", 0));
    SURVIVED (zmq_recv (pair, NULL, 0, ZMQ_DONTWAIT));
    zmq_close (pair);
    zmq_close (peer);

    static const int subscribers[] = {ZMQ_SUB, ZMQ_XPUB, ZMQ_XSUB, ZMQ_PUB, ZMQ_REQ, ZMQ_STREAM, ZMQ_DEALER};
    for (size_t i = 0; i < sizeof subscribers / sizeof *subscribers; i++) {
        s = open_socket (context, subscribers[i]);
        for (int option = 0; option < 130; option++) {
            zmq_setsockopt (s, option, NULL, 0);
            zmq_setsockopt (s, option, NULL, 4);
        }
        zmq_close (s);
    }
    printf ("every option of other kinds with NULL\n");
}

static void messages (void)
{
    section ("messages");
    zmq_msg_t message;
    char byte;
    REFUSED (zmq_msg_init (NULL));
    REFUSED (zmq_msg_init_size (NULL, 5));
    REFUSED (zmq_msg_init_buffer (NULL, "text", 4));
    REFUSED (zmq_msg_init_data (NULL, &byte, 1, NULL, NULL));
    SURVIVED (zmq_msg_init_buffer (&message, NULL, 5));
    zmq_msg_init (&message);
    REFUSED (zmq_msg_close (NULL));
    REFUSED (zmq_msg_copy (NULL, &message));
    REFUSED (zmq_msg_copy (&message, NULL));
    REFUSED (zmq_msg_move (NULL, &message));
    REFUSED (zmq_msg_move (&message, NULL));
    REFUSED_POINTER (zmq_msg_data (NULL));
    SURVIVED (zmq_msg_size (NULL));
    SURVIVED (zmq_msg_more (NULL));
    SURVIVED (zmq_msg_get (NULL, ZMQ_MORE));
    REFUSED (zmq_msg_set (NULL, ZMQ_MORE, 1));
    REFUSED_POINTER (zmq_msg_gets (NULL, "x"));
    REFUSED_POINTER (zmq_msg_gets (&message, NULL));
    REFUSED (zmq_msg_set_routing_id (NULL, 1));
    SURVIVED (zmq_msg_routing_id (NULL));
    REFUSED (zmq_msg_set_group (NULL, "g"));
    REFUSED (zmq_msg_set_group (&message, NULL));
    SURVIVED (zmq_msg_group (NULL));
    zmq_msg_close (&message);
}

static void others (void *context)
{
    section ("others");
    zmq_pollitem_t item = {NULL, -1, ZMQ_POLLIN, 0};
    char text[64];
    uint8_t bytes[64];
    REFUSED (zmq_poll (NULL, 1, 0));
    REFUSED (zmq_poll (&item, -1, 0));
    REFUSED (zmq_poll (NULL, -5, 0));
    REFUSED (zmq_ppoll (NULL, 3, 0, NULL));
    REFUSED (zmq_device (ZMQ_QUEUE, NULL, NULL));
    REFUSED (zmq_proxy_steerable (NULL, NULL, NULL, NULL));
    REFUSED (zmq_ctx_set_ext (context, ZMQ_IO_THREADS, NULL, 4));
    REFUSED (zmq_ctx_get_ext (context, ZMQ_IO_THREADS, NULL, NULL));
    SURVIVED (zmq_has (NULL));
    SURVIVED_VOID (zmq_version (NULL, NULL, NULL));
    SURVIVED (zmq_strerror (-1));
    SURVIVED (zmq_strerror (0x7fffffff));
    REFUSED_POINTER (zmq_z85_encode (NULL, bytes, 4));
    REFUSED_POINTER (zmq_z85_encode (text, NULL, 4));
    REFUSED_POINTER (zmq_z85_decode (NULL, "HelloWorld"));
    REFUSED_POINTER (zmq_z85_decode (bytes, NULL));
    SURVIVED (zmq_curve_keypair (NULL, NULL));
    SURVIVED (zmq_curve_public (NULL, NULL));
    SURVIVED (zmq_atomic_counter_value (NULL));
    SURVIVED (zmq_atomic_counter_inc (NULL));
    SURVIVED (zmq_atomic_counter_dec (NULL));
    SURVIVED_VOID (zmq_atomic_counter_set (NULL, 1));
    SURVIVED_VOID (zmq_atomic_counter_destroy (NULL));
    void *none = NULL;
    SURVIVED_VOID (zmq_atomic_counter_destroy (&none));
    SURVIVED (zmq_stopwatch_intermediate (NULL));
    SURVIVED (zmq_stopwatch_stop (NULL));
    SURVIVED_VOID (zmq_threadclose (NULL));
    SURVIVED (zmq_poller_destroy (NULL));
    SURVIVED (zmq_poller_destroy (&none));
    SURVIVED (zmq_timers_destroy (NULL));
    SURVIVED (zmq_timers_destroy (&none));
}

int main (void)
{
    void *context = zmq_ctx_new ();
    sockets (context);
    messages ();
    others (context);
    MUST (zmq_ctx_term (context));
    return verdict ();
}
