/* The options of the security mechanisms, with CURVE built in and GSSAPI left out. */
#include "option_trials.h"

int main (void)
{
    void *context = zmq_ctx_new ();
    for (int kind = ZMQ_PAIR; kind <= ZMQ_STREAM; kind++) {
        section ("%s", kind_name (kind));
        try_kind (context, kind, is_security_option);
    }
    SHOW (zmq_ctx_term (context));
    return 0;
}
