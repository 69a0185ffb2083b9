/* CONNECT_ROUTING_ID given twice, which the original answers by ending the process. */
#include "misuse.h"

static void twice (int kind)
{
    section ("%s", kind_name (kind));
    char endpoint[2][128];
    void *context = zmq_ctx_new ();
    void *s = open_socket (context, kind);
    void *peers[2];
    for (int i = 0; i < 2; i++) {
        peers[i] = open_socket (context, kind == ZMQ_ROUTER ? ZMQ_DEALER : ZMQ_STREAM);
        BIND_TCP (peers[i], endpoint[i]);
        SURVIVED (set_text (s, ZMQ_CONNECT_ROUTING_ID, "same"));
        SURVIVED (zmq_connect (s, endpoint[i]));
    }
    for (int i = 0; i < 10; i++) {
        send_text (s, "same", ZMQ_SNDMORE | ZMQ_DONTWAIT);
        send_text (s, "x", ZMQ_DONTWAIT);
    }
    SURVIVED (zmq_disconnect (s, endpoint[0]));
    SURVIVED (zmq_disconnect (s, endpoint[1]));
    for (int i = 0; i < 2; i++)
        zmq_close (peers[i]);
    zmq_close (s);
    SURVIVED (zmq_ctx_term (context));
}

int main (void)
{
    twice (ZMQ_ROUTER);
    twice (ZMQ_STREAM);
    return verdict ();
}
