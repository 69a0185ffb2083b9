/* Binding to endpoint strings of every shape: result, errno, LAST_ENDPOINT, and unbinding again. */
#include "endpoints.h"

static void observe (void *context, int ipv6)
{
    section ("ZMQ_IPV6 %d", ipv6);
    for (int i = 0; i < ENDPOINT_COUNT; i++) {
        char endpoint[512], bound[512];
        void *s = open_socket (context, ZMQ_PULL);
        prepare_files ();
        MUST (set_int (s, ZMQ_IPV6, ipv6));
        endpoint_of (ENDPOINTS[i], endpoint, sizeof endpoint);
        errno = 0;
        const int rc = zmq_bind (s, endpoint);
        printf ("%s -> %d %s", ENDPOINTS[i], rc, rc == -1 ? errno_name (zmq_errno ()) : "");
        snprintf (bound, sizeof bound, "%s", last_endpoint (s));
        printf (" last [%s]", masked_endpoint (bound));
        if (rc == 0) {
            const int as_given = zmq_unbind (s, endpoint);
            printf (" unbind %d %s", as_given, as_given == -1 ? errno_name (zmq_errno ()) : "");
            const int as_bound = zmq_unbind (s, bound);
            printf (" last %d %s", as_bound, as_bound == -1 ? errno_name (zmq_errno ()) : "");
        }
        printf ("\n");
        zmq_close (s);
    }
}

static void in_use (void *context)
{
    section ("endpoints in use");
    char endpoint[512];
    void *a = open_socket (context, ZMQ_PULL);
    void *b = open_socket (context, ZMQ_PULL);
    BIND_TCP (a, endpoint);
    SHOW (zmq_bind (a, endpoint));
    SHOW (zmq_bind (b, endpoint));
    printf ("last of b [%s]\n", last_endpoint (b));
    SHOW (zmq_bind (a, "inproc://taken"));
    SHOW (zmq_bind (a, "inproc://taken"));
    SHOW (zmq_bind (b, "inproc://taken"));
    SHOW (zmq_unbind (b, "inproc://taken"));
    SHOW (zmq_bind (b, "inproc://Taken"));
    SHOW (zmq_unbind (a, "inproc://taken"));
    SHOW (zmq_bind (b, "inproc://taken"));
    SHOW (zmq_bind (a, "ipc://taken.socket"));
    SHOW (zmq_bind (a, "ipc://taken.socket"));
    SHOW (zmq_bind (b, "ipc://taken.socket"));
    SHOW (access ("taken.socket", F_OK));
    SHOW (zmq_unbind (b, "ipc://taken.socket"));
    snprintf (endpoint, sizeof endpoint, "ipc://@taken-%d", (int) getpid ());
    SHOW (zmq_bind (a, endpoint));
    SHOW (zmq_bind (b, endpoint));
    zmq_close (a);
    zmq_close (b);
}

static void several (void *context)
{
    section ("one socket with several endpoints");
    char first[512], second[512];
    void *a = open_socket (context, ZMQ_PULL);
    BIND_TCP (a, first);
    BIND_TCP (a, second);
    SHOW (strcmp (first, second) != 0);
    SHOW (zmq_bind (a, "inproc://several"));
    printf ("last [%s]\n", masked_endpoint (last_endpoint (a)));
    SHOW (zmq_bind (a, "ipc://several.socket"));
    printf ("last [%s]\n", masked_endpoint (last_endpoint (a)));
    SHOW (zmq_bind (a, "tcp://nonsense"));
    printf ("last [%s]\n", masked_endpoint (last_endpoint (a)));
    SHOW (zmq_unbind (a, "ipc://several.socket"));
    printf ("last [%s]\n", masked_endpoint (last_endpoint (a)));
    void *push = open_socket (context, ZMQ_PUSH);
    MUST (zmq_connect (push, first));
    MUST (zmq_connect (push, second));
    MUST (zmq_connect (push, "inproc://several"));
    for (int i = 0; i < 3; i++)
        MUST (send_text (push, "x", 0));
    for (int i = 0; i < 3; i++)
        show_message ("received", a);
    SHOW (zmq_unbind (a, first));
    SHOW (zmq_unbind (a, first));
    SHOW (zmq_unbind (a, second));
    SHOW (zmq_unbind (a, "inproc://several"));
    SHOW (zmq_unbind (a, "inproc://several"));
    zmq_close (push);
    zmq_close (a);
}

static void last_endpoint_buffer (void *context)
{
    section ("LAST_ENDPOINT into buffers of several sizes");
    char text[64];
    void *a = open_socket (context, ZMQ_PULL);
    size_t size = sizeof text;
    SHOW (zmq_getsockopt (a, ZMQ_LAST_ENDPOINT, text, &size));
    SHOW (size);
    SHOW (text[0]);
    MUST (zmq_bind (a, "inproc://buffer"));
    const int length = (int) strlen ("inproc://buffer");
    for (int room = length - 1; room <= length + 2; room++) {
        size = (size_t) room;
        memset (text, '#', sizeof text);
        printf ("room %d: ", room - length);
        SHOW (zmq_getsockopt (a, ZMQ_LAST_ENDPOINT, text, &size));
        SHOW ((int) size - length);
        print_bytes (text, (size_t) length + 2);
        printf ("\n");
    }
    SHOW (set_text (a, ZMQ_LAST_ENDPOINT, "x"));
    zmq_close (a);
}

static void no_threads (void)
{
    section ("a context without I/O threads");
    char endpoint[512];
    void *context = zmq_ctx_new ();
    MUST (zmq_ctx_set (context, ZMQ_IO_THREADS, 0));
    void *s = open_socket (context, ZMQ_PULL);
    SHOW (zmq_bind (s, "tcp://127.0.0.1:*"));
    SHOW (zmq_bind (s, "tcp://nonsense"));
    SHOW (zmq_connect (s, FREE_ENDPOINT (endpoint)));
    SHOW (zmq_connect (s, "tcp://nonsense"));
    SHOW (zmq_bind (s, "ipc://x"));
    SHOW (zmq_connect (s, "ipc://x"));
    SHOW (zmq_bind (s, "foo://x"));
    SHOW (zmq_bind (s, "inproc://x"));
    SHOW (zmq_connect (s, "inproc://y"));
    zmq_close (s);
    SHOW (zmq_ctx_term (context));
}

int main (void)
{
    void *context = zmq_ctx_new ();
    observe (context, 0);
    observe (context, 1);
    in_use (context);
    several (context);
    last_endpoint_buffer (context);
    no_threads ();
    SHOW (zmq_ctx_term (context));
    return 0;
}
