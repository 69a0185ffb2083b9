/* TIPC endpoints, as far as the system knows the family; and transports that it does not know. */
#include "observe.h"

static void show_last_endpoint (void *socket)
{
    char endpoint[256] = "";
    size_t size = sizeof endpoint;
    zmq_getsockopt (socket, ZMQ_LAST_ENDPOINT, endpoint, &size);
    /* The number of a port is the system's. */
    printf ("last endpoint %s\n", strncmp (endpoint, "tipc://<", 8) == 0 ? "tipc://<...>" : endpoint);
}

int main (void)
{
    static const char *const binds[] = {"tipc://{5560,0,0}", "tipc://{5560, 1, 3}", "tipc://<*>",
                                        "tipc://<1.2.3:123123>", "tipc://"};
    static const char *const connects[] = {"tipc://{5560,0}", "tipc://{5560,0}@0.0.0",
                                           "tipc://{5560,0}@1.2.3", "tipc://<1.2.3:4>",
                                           "tipc://<*>", "tipc://"};
    void *context = zmq_ctx_new ();
    printf ("tipc: %d\n", zmq_has ("tipc"));
    for (size_t i = 0; i < sizeof binds / sizeof *binds; i++) {
        void *s = open_socket (context, ZMQ_REP);
        printf ("%s: ", binds[i]);
        SHOW (zmq_bind (s, binds[i]));
        show_last_endpoint (s);
        zmq_close (s);
    }
    for (size_t i = 0; i < sizeof connects / sizeof *connects; i++) {
        void *s = open_socket (context, ZMQ_REQ);
        printf ("%s: ", connects[i]);
        SHOW (zmq_connect (s, connects[i]));
        show_last_endpoint (s);
        SHOW (zmq_disconnect (s, connects[i]));
        zmq_close (s);
    }
    SHOW (zmq_ctx_term (context));
    return 0;
}
