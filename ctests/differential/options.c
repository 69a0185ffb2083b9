/* Every option of every stable kind of socket: which sizes and values are read and written. */
#include "option_trials.h"

static int is_wanted (int option)
{
    return !is_security_option (option) && !is_transport_option (option);
}

/* Which filters are understood depends on another option. */
static void filters_with_ipv6 (void *context)
{
    section ("TCP_ACCEPT_FILTER with IPV6");
    void *s = open_socket (context, ZMQ_PULL);
    MUST (set_int (s, ZMQ_IPV6, 1));
    try_writing (s, ZMQ_TCP_ACCEPT_FILTER);
    MUST (zmq_close (s));
}

/* Sockets notice the end of their context late: only once they look at their mailbox. */
static void after_shutdown (void)
{
    section ("after shutdown");
    void *context = zmq_ctx_new ();
    void *s = open_socket (context, ZMQ_PUSH);
    MUST (zmq_ctx_shutdown (context));
    SHOW (set_int (s, ZMQ_LINGER, 5));
    SHOW (integer_option (s, ZMQ_LINGER));
    show_events ("first look", s);
    SHOW (set_int (s, ZMQ_LINGER, 6));
    SHOW (set_int (s, ZMQ_LINGER, -2));
    SHOW (set_int (s, 1000, 1));
    SHOW (integer_option (s, ZMQ_LINGER));
    SHOW (integer_option (s, ZMQ_TYPE));
    SHOW (integer_option (s, 1000));
    show_events ("second look", s);
    SHOW (zmq_close (s));
    SHOW (zmq_ctx_term (context));
}

int main (void)
{
    void *context = zmq_ctx_new ();
    for (int kind = ZMQ_PAIR; kind <= ZMQ_STREAM; kind++) {
        section ("%s", kind_name (kind));
        try_kind (context, kind, is_wanted);
    }

    filters_with_ipv6 (context);

    section ("no socket");
    SHOW (set_int (NULL, ZMQ_LINGER, 0));
    SHOW (integer_option (NULL, ZMQ_LINGER));
    SHOW (zmq_ctx_term (context));
    after_shutdown ();
    return 0;
}
