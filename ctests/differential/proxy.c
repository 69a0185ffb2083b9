/* Proxies: forwarding in both directions, capture, control, one socket as both ends, the end. */
#include "observe.h"

static char front_end[128], back_end[128], capture_end[128], control_end[128];

struct proxy {
    void *front;
    void *back;
    void *capture;
    void *control;
    int steerable;
    int rc;
    int error;
    pthread_t thread;
};

static void *run_proxy (void *argument)
{
    struct proxy *proxy = argument;
    errno = 0;
    proxy->rc = proxy->steerable ? zmq_proxy_steerable (proxy->front, proxy->back, proxy->capture, proxy->control)
                                 : zmq_proxy (proxy->front, proxy->back, proxy->capture);
    proxy->error = zmq_errno ();
    return NULL;
}

static void start (struct proxy *proxy)
{
    if (pthread_create (&proxy->thread, NULL, run_proxy, proxy))
        give_up ("thread");
}

static void finish (struct proxy *proxy)
{
    pthread_join (proxy->thread, NULL);
    printf ("proxy -> %d %s\n", proxy->rc, proxy->rc == -1 ? errno_name (proxy->error) : "");
    zmq_close (proxy->front);
    if (proxy->back != proxy->front)
        zmq_close (proxy->back);
    if (proxy->capture)
        zmq_close (proxy->capture);
    if (proxy->control)
        zmq_close (proxy->control);
}

/* A proxy between a ROUTER and a DEALER, or other kinds, in its own context. */
static struct proxy open_proxy (void *context, int front, int back, int capture, int control)
{
    struct proxy proxy;
    memset (&proxy, 0, sizeof proxy);
    proxy.front = open_socket (context, front);
    proxy.back = open_socket (context, back);
    MUST (zmq_bind (proxy.front, INPROC_NAME (front_end)));
    MUST (zmq_bind (proxy.back, INPROC_NAME (back_end)));
    if (capture >= 0) {
        proxy.capture = open_socket (context, capture);
        MUST (zmq_bind (proxy.capture, INPROC_NAME (capture_end)));
    }
    if (control >= 0) {
        proxy.steerable = 1;
        proxy.control = open_socket (context, control);
        MUST (zmq_bind (proxy.control, INPROC_NAME (control_end)));
    }
    return proxy;
}

static void *open_connected (void *context, int kind, const char *endpoint)
{
    void *s = open_socket (context, kind);
    MUST (zmq_connect (s, endpoint));
    return s;
}

static void requests (void)
{
    section ("requests and replies, ended by the context");
    void *context = zmq_ctx_new ();
    struct proxy proxy = open_proxy (context, ZMQ_ROUTER, ZMQ_DEALER, -1, -1);
    void *req = open_connected (context, ZMQ_REQ, front_end);
    void *rep = open_connected (context, ZMQ_REP, back_end);
    start (&proxy);
    for (int i = 0; i < 3; i++) {
        MUST (send_parts (req, "question", "in parts", NULL));
        show_message ("REP", rep);
        MUST (send_parts (rep, "answer", "", "in parts", NULL));
        show_message ("REQ", req);
    }
    zmq_close (req);
    zmq_close (rep);
    MUST (zmq_ctx_shutdown (context));
    finish (&proxy);
    SHOW (zmq_ctx_term (context));
}

static void captured (void)
{
    section ("with a capture socket");
    void *context = zmq_ctx_new ();
    struct proxy proxy = open_proxy (context, ZMQ_PULL, ZMQ_PUSH, ZMQ_PUSH, -1);
    void *in = open_connected (context, ZMQ_PUSH, front_end);
    void *out = open_connected (context, ZMQ_PULL, back_end);
    void *tap = open_connected (context, ZMQ_PULL, capture_end);
    start (&proxy);
    for (int i = 0; i < 3; i++) {
        MUST (send_parts (in, i == 0 ? "a" : i == 1 ? "b" : "c", "", "tail", NULL));
        show_message ("out", out);
        show_message ("capture", tap);
    }
    zmq_close (in);
    zmq_close (out);
    zmq_close (tap);
    MUST (zmq_ctx_shutdown (context));
    finish (&proxy);
    SHOW (zmq_ctx_term (context));
}

static void published (void)
{
    section ("XSUB to XPUB");
    void *context = zmq_ctx_new ();
    struct proxy proxy = open_proxy (context, ZMQ_XSUB, ZMQ_XPUB, -1, -1);
    void *pub = open_connected (context, ZMQ_XPUB, front_end);
    void *sub = open_connected (context, ZMQ_SUB, back_end);
    start (&proxy);
    MUST (set_text (sub, ZMQ_SUBSCRIBE, "a"));
    show_message ("publisher hears", pub);
    MUST (send_parts (pub, "a", "1", NULL));
    MUST (send_parts (pub, "b", "2", NULL));
    MUST (send_parts (pub, "a", "3", NULL));
    show_message ("SUB", sub);
    show_message ("SUB", sub);
    MUST (set_text (sub, ZMQ_UNSUBSCRIBE, "a"));
    show_message ("publisher hears", pub);
    zmq_close (pub);
    zmq_close (sub);
    MUST (zmq_ctx_shutdown (context));
    finish (&proxy);
    SHOW (zmq_ctx_term (context));
}

static void one_socket (void)
{
    section ("one ROUTER as both ends");
    void *context = zmq_ctx_new ();
    struct proxy proxy;
    memset (&proxy, 0, sizeof proxy);
    proxy.front = proxy.back = open_socket (context, ZMQ_ROUTER);
    MUST (zmq_bind (proxy.front, INPROC_NAME (front_end)));
    void *a = open_connected (context, ZMQ_REQ, front_end);
    start (&proxy);
    for (int i = 0; i < 2; i++) {
        MUST (send_text (a, "echo", 0));
        show_message ("REQ", a);
    }
    zmq_close (a);
    MUST (zmq_ctx_shutdown (context));
    finish (&proxy);
    SHOW (zmq_ctx_term (context));
}

static void steerable (void)
{
    section ("steered");
    void *context = zmq_ctx_new ();
    struct proxy proxy = open_proxy (context, ZMQ_PULL, ZMQ_PUSH, -1, ZMQ_PAIR);
    void *in = open_connected (context, ZMQ_PUSH, front_end);
    void *out = open_connected (context, ZMQ_PULL, back_end);
    void *control = open_connected (context, ZMQ_PAIR, control_end);
    start (&proxy);
    /* PAUSE and RESUME are left out: the original took them for each other. */
    MUST (send_text (in, "first", 0));
    show_message ("out", out);
    MUST (send_text (control, "TERMINATE", 0));
    finish (&proxy);
    zmq_close (in);
    zmq_close (out);
    zmq_close (control);
    SHOW (zmq_ctx_term (context));

    section ("statistics");
    context = zmq_ctx_new ();
    proxy = open_proxy (context, ZMQ_ROUTER, ZMQ_DEALER, -1, ZMQ_REP);
    void *req = open_connected (context, ZMQ_REQ, front_end);
    void *rep = open_connected (context, ZMQ_REP, back_end);
    control = open_connected (context, ZMQ_REQ, control_end);
    start (&proxy);
    for (int i = 0; i < 5; i++) {
        MUST (send_parts (req, "12345", "678", NULL));
        show_message ("REP", rep);
        MUST (send_text (rep, "1234567890", 0));
        show_message ("REQ", req);
    }
    MUST (send_text (control, "STATISTICS", 0));
    int numbers = 0, more = 1;
    await_events (control, ZMQ_POLLIN);
    while (more) {
        uint64_t value = 0;
        const int size = zmq_recv (control, &value, sizeof value, 0);
        more = integer_option (control, ZMQ_RCVMORE);
        printf ("number %d of %d bytes: %" PRIu64 "\n", numbers++, size, value);
    }
    MUST (send_text (control, "NONSENSE", 0));
    show_message ("control", control);
    MUST (send_text (control, "TERMINATE", 0));
    show_message ("control", control);
    finish (&proxy);
    zmq_close (req);
    zmq_close (rep);
    zmq_close (control);
    SHOW (zmq_ctx_term (context));
}

static void errors (void)
{
    section ("errors");
    void *context = zmq_ctx_new ();
    void *s = open_socket (context, ZMQ_PULL);
    SHOW (zmq_proxy (NULL, NULL, NULL));
    SHOW (zmq_proxy (s, NULL, NULL));
    SHOW (zmq_proxy (NULL, s, NULL));
    SHOW (zmq_proxy_steerable (NULL, s, NULL, NULL));
    zmq_close (s);
    SHOW (zmq_ctx_term (context));
}

static void *run_device (void *argument)
{
    struct proxy *proxy = argument;
    proxy->rc = zmq_device (ZMQ_STREAMER, proxy->front, proxy->back);
    proxy->error = zmq_errno ();
    return NULL;
}

static void device (void)
{
    section ("device");
    void *context = zmq_ctx_new ();
    struct proxy proxy = open_proxy (context, ZMQ_PULL, ZMQ_PUSH, -1, -1);
    void *in = open_connected (context, ZMQ_PUSH, front_end);
    void *out = open_connected (context, ZMQ_PULL, back_end);
    if (pthread_create (&proxy.thread, NULL, run_device, &proxy))
        give_up ("thread");
    MUST (send_text (in, "through", 0));
    show_message ("out", out);
    zmq_close (in);
    zmq_close (out);
    MUST (zmq_ctx_shutdown (context));
    finish (&proxy);
    SHOW (zmq_ctx_term (context));
}

/* A full back end holds the front end up: nothing is lost on the way. */
static void back_pressure (void)
{
    section ("a slow receiver behind the proxy");
    enum { MESSAGES = 2000 };
    void *context = zmq_ctx_new ();
    struct proxy proxy = open_proxy (context, ZMQ_PULL, ZMQ_PUSH, -1, -1);
    MUST (set_int (proxy.back, ZMQ_SNDHWM, 5));
    void *in = open_connected (context, ZMQ_PUSH, front_end);
    void *out = open_socket (context, ZMQ_PULL);
    MUST (set_int (out, ZMQ_RCVHWM, 5));
    MUST (zmq_connect (out, back_end));
    MUST (set_int (in, ZMQ_SNDHWM, 0));
    start (&proxy);
    int sent = 0, received = 0;
    while (sent < MESSAGES && zmq_send (in, &sent, sizeof sent, ZMQ_DONTWAIT) != -1)
        sent++;
    printf ("sent some: %s\n", sent > 0 ? "yes" : "no");
    for (; received < sent; received++) {
        int number = -1;
        if (!await_events (out, ZMQ_POLLIN) || zmq_recv (out, &number, sizeof number, 0) == -1 || number != received)
            break;
    }
    printf ("all received in order: %s\n", received == sent ? "yes" : "no");
    zmq_close (in);
    zmq_close (out);
    MUST (zmq_ctx_shutdown (context));
    finish (&proxy);
    SHOW (zmq_ctx_term (context));
}

int main (void)
{
    requests ();
    captured ();
    published ();
    one_socket ();
    steerable ();
    errors ();
    device ();
    back_pressure ();
    return 0;
}
