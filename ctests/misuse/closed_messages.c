/* Messages that were closed, never initialised, or given as both ends of a copy. */
#include "misuse.h"

static void use (zmq_msg_t *closed, void *s)
{
    zmq_msg_t good;
    zmq_msg_init_size (&good, 100);
    REFUSED (zmq_msg_close (closed));
    REFUSED (zmq_msg_copy (&good, closed));
    REFUSED (zmq_msg_move (&good, closed));
    REFUSED (zmq_msg_copy (closed, &good));
    REFUSED (zmq_msg_move (closed, &good));
    REFUSED (zmq_msg_send (closed, s, ZMQ_DONTWAIT));
    REFUSED (zmq_msg_recv (closed, s, ZMQ_DONTWAIT));
    REFUSED_POINTER (zmq_msg_data (closed));
    SURVIVED (zmq_msg_size (closed));
    SURVIVED (zmq_msg_more (closed));
    SURVIVED (zmq_msg_get (closed, ZMQ_SHARED));
    SURVIVED (zmq_msg_get (closed, ZMQ_SRCFD));
    SURVIVED (zmq_msg_routing_id (closed));
    SURVIVED (zmq_msg_set_routing_id (closed, 3));
    REFUSED_POINTER (zmq_msg_gets (closed, "Socket-Type"));
    if (zmq_msg_size (&good) != 100) {
        printf ("THE OTHER MESSAGE SUFFERED\n");
        complaints++;
    }
    MUST (zmq_msg_close (&good));
}

int main (void)
{
    static const size_t sizes[] = {0, 10, 33, 100, 100000};
    char endpoint[128];
    void *context = zmq_ctx_new ();
    void *s = open_socket (context, ZMQ_DEALER);
    void *peer = open_socket (context, ZMQ_DEALER);
    zmq_msg_t message;
    MUST (zmq_bind (s, INPROC_NAME (endpoint)));
    MUST (zmq_connect (peer, endpoint));
    await_events (s, ZMQ_POLLOUT);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        section ("closed, %zu bytes", sizes[i]);
        MUST (zmq_msg_init_size (&message, sizes[i]));
        MUST (zmq_msg_close (&message));
        use (&message, s);
    }
    section ("all zeros");
    memset (&message, 0, sizeof message);
    use (&message, s);
    section ("all ones");
    memset (&message, 0xff, sizeof message);
    use (&message, s);

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        section ("copied and moved onto itself, %zu bytes", sizes[i]);
        MUST (zmq_msg_init_size (&message, sizes[i]));
        memset (zmq_msg_data (&message), 'x', sizes[i]);
        SURVIVED (zmq_msg_copy (&message, &message));
        SURVIVED (zmq_msg_move (&message, &message));
        SURVIVED (zmq_msg_size (&message));
        SURVIVED (zmq_msg_close (&message));
    }

    section ("initialised twice");
    MUST (zmq_msg_init_size (&message, 100));
    MUST (zmq_msg_init_size (&message, 200));
    MUST (zmq_msg_close (&message));
    zmq_close (s);
    zmq_close (peer);
    MUST (zmq_ctx_term (context));
    return verdict ();
}
