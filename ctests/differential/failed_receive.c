/* What a message holds after a receive that failed, for each kind of socket. */
#include "observe.h"

static const struct
{
    const char *name;
    int kind;
} kinds[] = {{"PAIR", ZMQ_PAIR},   {"PUSH", ZMQ_PUSH}, {"PULL", ZMQ_PULL},     {"PUB", ZMQ_PUB},
             {"SUB", ZMQ_SUB},     {"XPUB", ZMQ_XPUB}, {"XSUB", ZMQ_XSUB},     {"REQ", ZMQ_REQ},
             {"REP", ZMQ_REP},     {"DEALER", ZMQ_DEALER}, {"ROUTER", ZMQ_ROUTER}, {"STREAM", ZMQ_STREAM}};

static void show_failure (void *socket, size_t size, int flags)
{
    zmq_msg_t message;
    MUST (zmq_msg_init_size (&message, size));
    memset (zmq_msg_data (&message), 'x', size);
    zmq_msg_t copy;
    MUST (zmq_msg_init (&copy));
    MUST (zmq_msg_copy (&copy, &message));
    SHOW (zmq_msg_recv (&message, socket, flags));
    const size_t left = zmq_msg_size (&message);
    printf ("  %zu of %zu bytes left\n", left, size);
    if (left > 0)
        SHOW (zmq_msg_get (&message, ZMQ_SHARED));
    for (size_t i = 0; i < left; i++)
        if (((char *) zmq_msg_data (&message))[i] != 'x')
            printf ("  another byte at %zu\n", i);
    MUST (zmq_msg_close (&message));
    MUST (zmq_msg_close (&copy));
}

int main (void)
{
    void *context = zmq_ctx_new ();
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        section ("%s", kinds[i].name);
        void *socket = open_socket (context, kinds[i].kind);
        const int timeout = 1;
        MUST (zmq_setsockopt (socket, ZMQ_RCVTIMEO, &timeout, sizeof timeout));
        for (size_t size = 10; size <= 100000; size *= 100) {
            show_failure (socket, size, ZMQ_DONTWAIT);
            show_failure (socket, size, 0);
        }
        zmq_close (socket);
    }
    zmq_ctx_term (context);
    return 0;
}
