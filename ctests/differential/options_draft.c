/* Every option of the kinds of socket that libzmq calls drafts. */
#include "option_trials.h"

static int is_wanted (int option)
{
    /* The original has no ZMQ_FD for sockets that many threads use. */
    return !is_security_option (option) && !is_transport_option (option) && option != ZMQ_FD;
}

int main (void)
{
    void *context = zmq_ctx_new ();
    for (int kind = ZMQ_SERVER; kind <= ZMQ_CHANNEL; kind++) {
        section ("kind %d", kind);
        try_kind (context, kind, is_wanted);
    }
    SHOW (zmq_ctx_term (context));
    return 0;
}
