/*
 * GSSAPI between two sockets: who the client is said to be, every kind of name, plain text and not,
 * messages of all sizes, subscriptions, refusals, and what an enemy sends in between.
 *
 *     kerberos HOST REALM
 */
#define ZMQ_BUILD_DRAFT_API
#include <zmq.h>

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *host, *realm;
static char asked_about[256];
static const char *zap_status;
static int failures;

static void fail (const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    printf ("FAIL ");
    vprintf (format, arguments);
    printf (" (%s)\n", zmq_strerror (zmq_errno ()));
    fflush (stdout);
    va_end (arguments);
    failures++;
}

static void check (int rc, const char *what)
{
    if (rc == -1) {
        fail ("%s", what);
        exit (1);
    }
}

static void *handle_zap (void *socket)
{
    for (;;) {
        char part[256], id[16];
        int number = 0, id_size = 0, more = 1;
        while (more) {
            size_t size = sizeof more;
            const int length = zmq_recv (socket, part, sizeof part - 1, 0);
            if (length < 0) {
                zmq_close (socket);
                return NULL;
            }
            part[length] = 0;
            if (number == 1)
                memcpy (id, part, (size_t) (id_size = length));
            if (number == 6)
                strcpy (asked_about, part);
            number++;
            zmq_getsockopt (socket, ZMQ_RCVMORE, &more, &size);
        }
        zmq_send (socket, "1.0", 3, ZMQ_SNDMORE);
        zmq_send (socket, id, (size_t) id_size, ZMQ_SNDMORE);
        zmq_send (socket, zap_status, 3, ZMQ_SNDMORE);
        zmq_send (socket, "", 0, ZMQ_SNDMORE);
        zmq_send (socket, "user", 4, ZMQ_SNDMORE);
        zmq_send (socket, "", 0, 0);
    }
}

struct pair {
    void *context, *server, *client, *monitor;
    pthread_t handler;
};

static void set_int (void *socket, int option, int value)
{
    check (zmq_setsockopt (socket, option, &value, sizeof value), "an option");
}

static void set_name (void *socket, int option, int type_option, const char *service, int type)
{
    char text[256];
    if (type == ZMQ_GSSAPI_NT_HOSTBASED)
        snprintf (text, sizeof text, "%s@%s", service, host);
    else
        snprintf (text, sizeof text, "%s/%s@%s", service, host, realm);
    check (zmq_setsockopt (socket, option, text, strlen (text)), "a principal");
    set_int (socket, type_option, type);
}

static void *open_server (void *context, int kind, int type, int plain)
{
    void *server = zmq_socket (context, kind);
    set_int (server, ZMQ_LINGER, 0);
    set_int (server, ZMQ_RCVTIMEO, 10000);
    set_int (server, ZMQ_GSSAPI_SERVER, 1);
    set_int (server, ZMQ_GSSAPI_PLAINTEXT, plain);
    set_name (server, ZMQ_GSSAPI_PRINCIPAL, ZMQ_GSSAPI_PRINCIPAL_NAMETYPE, "zmqtest2", type);
    return server;
}

static struct pair open_pair (int server_kind, int client_kind, int type, int server_plain, int client_plain)
{
    struct pair pair = {zmq_ctx_new (), NULL, NULL, NULL, 0};
    char endpoint[256];
    size_t size = sizeof endpoint;
    void *handler = zmq_socket (pair.context, ZMQ_REP);
    check (zmq_bind (handler, "inproc://zeromq.zap.01"), "zmq_bind to ZAP");
    pthread_create (&pair.handler, NULL, handle_zap, handler);
    asked_about[0] = 0;
    pair.server = open_server (pair.context, server_kind, type, server_plain);
    pair.client = zmq_socket (pair.context, client_kind);
    set_int (pair.client, ZMQ_LINGER, 0);
    set_int (pair.client, ZMQ_RCVTIMEO, 10000);
    set_int (pair.client, ZMQ_GSSAPI_PLAINTEXT, client_plain);
    set_name (pair.client, ZMQ_GSSAPI_PRINCIPAL, ZMQ_GSSAPI_PRINCIPAL_NAMETYPE, "zmqtest2", type);
    set_name (pair.client, ZMQ_GSSAPI_SERVICE_PRINCIPAL, ZMQ_GSSAPI_SERVICE_PRINCIPAL_NAMETYPE, "zmqtest2", type);
    check (zmq_socket_monitor (pair.server, "inproc://monitor", ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL), "zmq_socket_monitor");
    pair.monitor = zmq_socket (pair.context, ZMQ_PAIR);
    set_int (pair.monitor, ZMQ_RCVTIMEO, 10000);
    check (zmq_connect (pair.monitor, "inproc://monitor"), "zmq_connect");
    if (client_kind == ZMQ_SUB)
        check (zmq_setsockopt (pair.client, ZMQ_SUBSCRIBE, "a", 1), "ZMQ_SUBSCRIBE");
    check (zmq_bind (pair.server, "tcp://127.0.0.1:*"), "zmq_bind");
    check (zmq_getsockopt (pair.server, ZMQ_LAST_ENDPOINT, endpoint, &size), "ZMQ_LAST_ENDPOINT");
    check (zmq_connect (pair.client, endpoint), "zmq_connect");
    return pair;
}

static void close_pair (struct pair *pair)
{
    zmq_socket_monitor (pair->server, NULL, 0);
    zmq_close (pair->monitor);
    zmq_close (pair->client);
    zmq_close (pair->server);
    zmq_ctx_shutdown (pair->context);
    pthread_join (pair->handler, NULL);
    zmq_ctx_term (pair->context);
}

static int event_of (struct pair *pair)
{
    unsigned char event[6];
    char address[256];
    if (zmq_recv (pair->monitor, event, sizeof event, 0) != 6)
        return 0;
    zmq_recv (pair->monitor, address, sizeof address, 0);
    return event[0] | event[1] << 8;
}

static void messages (const char *name, int type, int plain)
{
    const int before = failures;
    zap_status = "200";
    struct pair pair = open_pair (ZMQ_DEALER, ZMQ_DEALER, type, plain, plain);
    static char body[300000], received[300000];
    memset (body, 'b', sizeof body);
    static const size_t sizes[] = {0, 1, 30, 255, 256, 1000, 32767, 32768, 65536, 300000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && failures == before; i++)
        for (int back = 0; back < 2; back++) {
            void *from = back ? pair.server : pair.client, *to = back ? pair.client : pair.server;
            zmq_send (from, "first", 5, ZMQ_SNDMORE);
            zmq_send (from, body, sizes[i], 0);
            if (zmq_recv (to, received, sizeof received, 0) != 5)
                fail ("%s: the first part", name);
            const int size = zmq_recv (to, received, sizeof received, 0);
            if (size != (int) sizes[i] || memcmp (body, received, sizes[i]) != 0)
                fail ("%s: %d bytes of %zu", name, size, sizes[i]);
        }
    char expected[256];
    snprintf (expected, sizeof expected, "zmqtest2/%s@%s", host, realm);
    if (strcmp (asked_about, expected) != 0)
        fail ("%s: ZAP was asked about '%s'", name, asked_about);
    if (event_of (&pair) != ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
        fail ("%s: no success for the monitor", name);
    close_pair (&pair);
    if (failures == before)
        printf ("ok   %s\n", name);
}

static void subscribed (struct pair *pair, const char *when)
{
    char text[16];
    zmq_pollitem_t items[] = {{pair->server, 0, ZMQ_POLLIN, 0}, {pair->client, 0, ZMQ_POLLIN, 0}};
    /* It is the client's own thread that subscribes again. */
    zmq_poll (items, 2, 10000);
    if (zmq_recv (pair->server, text, sizeof text, ZMQ_DONTWAIT) != 2 || memcmp (text, "\001a", 2) != 0)
        fail ("no subscription %s", when);
    zmq_send (pair->server, "b", 1, 0);
    zmq_send (pair->server, "abc", 3, 0);
    if (zmq_recv (pair->client, text, sizeof text, 0) != 3)
        fail ("no publication %s", when);
}

/* They pass, and again to a publisher that comes back. */
static void subscriptions (void)
{
    zap_status = "200";
    struct pair pair = open_pair (ZMQ_XPUB, ZMQ_SUB, ZMQ_GSSAPI_NT_HOSTBASED, 0, 0);
    const int before = failures;
    char endpoint[256];
    size_t size = sizeof endpoint;
    subscribed (&pair, "at first");
    check (zmq_getsockopt (pair.server, ZMQ_LAST_ENDPOINT, endpoint, &size), "ZMQ_LAST_ENDPOINT");
    zmq_socket_monitor (pair.server, NULL, 0);
    zmq_close (pair.server);
    pair.server = open_server (pair.context, ZMQ_XPUB, ZMQ_GSSAPI_NT_HOSTBASED, 0);
    const time_t end = time (NULL) + 10;
    /* The port is free again when the other socket is gone. */
    while (zmq_bind (pair.server, endpoint) == -1 && time (NULL) < end)
        usleep (1000);
    subscribed (&pair, "again");
    close_pair (&pair);
    if (failures == before)
        printf ("ok   subscriptions\n");
}

/* Whatever ZAP answers but 200 keeps a client out. */
static void refused (const char *status)
{
    const int before = failures;
    zap_status = status;
    struct pair pair = open_pair (ZMQ_DEALER, ZMQ_DEALER, ZMQ_GSSAPI_NT_HOSTBASED, 0, 0);
    set_int (pair.server, ZMQ_RCVTIMEO, 300);
    zmq_send (pair.client, "hello", 5, ZMQ_DONTWAIT);
    if (event_of (&pair) != ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
        fail ("status %s: no refusal for the monitor", status);
    char text[16];
    if (zmq_recv (pair.server, text, sizeof text, 0) != -1)
        fail ("status %s: a message came through", status);
    close_pair (&pair);
    if (failures == before)
        printf ("ok   status %s\n", status);
}

/* Plain text on one side only. */
static void disagreeing (int server_plain)
{
    const int before = failures;
    zap_status = "200";
    struct pair pair = open_pair (ZMQ_DEALER, ZMQ_DEALER, ZMQ_GSSAPI_NT_HOSTBASED, server_plain, !server_plain);
    set_int (pair.server, ZMQ_RCVTIMEO, 300);
    zmq_send (pair.client, "hello", 5, ZMQ_DONTWAIT);
    char text[16];
    if (zmq_recv (pair.server, text, sizeof text, 0) != -1)
        fail ("a message came through");
    close_pair (&pair);
    if (failures == before)
        printf ("ok   plain text at the %s only\n", server_plain ? "server" : "client");
}

int main (int argc, char **argv)
{
    if (argc != 3 || !zmq_has ("gssapi"))
        return 2;
    host = argv[1];
    realm = argv[2];
    messages ("host-based names", ZMQ_GSSAPI_NT_HOSTBASED, 0);
    messages ("user names", ZMQ_GSSAPI_NT_USER_NAME, 0);
    messages ("Kerberos principals", ZMQ_GSSAPI_NT_KRB5_PRINCIPAL, 0);
    messages ("plain text", ZMQ_GSSAPI_NT_HOSTBASED, 1);
    subscriptions ();
    refused ("300");
    refused ("400");
    refused ("500");
    disagreeing (0);
    disagreeing (1);
    return failures != 0;
}
