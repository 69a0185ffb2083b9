/* Mechanisms that meet: what each side's monitor says, and what ZAP may answer. */
#include "observe.h"

#include <pthread.h>

static const char server_public[] = "{ufPF5rL3#[uFR$B^(6}NA<3]O1{Y}6PnmH2AP3g";
static const char server_secret[] = "I@*WFUXU>c[PPPb2nNXE)Mo1^j64LIpAZl!FOS@e";
static const char client_public[] = "uTR![ssH{]rkLtK3Y{RTJ3Ma4qxZJ41k]{xr0]fJ";
static const char client_secret[] = ".B5yGbAl!#2}8x>C26dx6>NDfu$SNk4J/!wANB^[";

enum { NULLS, PLAINS, CURVES, MECHANISMS };

static const char *const names[] = {"NULL", "PLAIN", "CURVE"};
static const int handshake_events = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL
                                    | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

/* One ZAP handler, in a thread: it answers every request in the same way. */
struct handler {
    void *socket;
    const char *version;
    const char *id;
    const char *status;
    const char *metadata;
    int metadata_size;
};

static void *handle (void *argument)
{
    struct handler *handler = argument;
    char part[256], id[16];
    int more = 1;
    for (;;) {
        int number = 0, id_size = 0;
        do {
            size_t size = sizeof more;
            const int length = zmq_recv (handler->socket, part, sizeof part, 0);
            if (length < 0) {
                zmq_close (handler->socket);
                return NULL;
            }
            if (number == 1) {
                id_size = length;
                memcpy (id, part, (size_t) length);
            }
            number++;
            zmq_getsockopt (handler->socket, ZMQ_RCVMORE, &more, &size);
        } while (more);
        zmq_send (handler->socket, handler->version, strlen (handler->version), ZMQ_SNDMORE);
        if (handler->id)
            zmq_send (handler->socket, handler->id, strlen (handler->id), ZMQ_SNDMORE);
        else
            zmq_send (handler->socket, id, (size_t) id_size, ZMQ_SNDMORE);
        zmq_send (handler->socket, handler->status, strlen (handler->status), ZMQ_SNDMORE);
        zmq_send (handler->socket, "text", 4, ZMQ_SNDMORE);
        zmq_send (handler->socket, "somebody", 8, ZMQ_SNDMORE);
        zmq_send (handler->socket, handler->metadata, (size_t) handler->metadata_size, 0);
    }
}

static void start (pthread_t *thread, struct handler *handler, void *context)
{
    handler->socket = open_socket (context, ZMQ_REP);
    MUST (zmq_bind (handler->socket, "inproc://zeromq.zap.01"));
    pthread_create (thread, NULL, handle, handler);
}

static void serve (void *socket, int mechanism)
{
    if (mechanism == PLAINS)
        MUST (set_int (socket, ZMQ_PLAIN_SERVER, 1));
    if (mechanism == CURVES) {
        MUST (zmq_setsockopt (socket, ZMQ_CURVE_SECRETKEY, server_secret, 40));
        MUST (set_int (socket, ZMQ_CURVE_SERVER, 1));
    }
}

static void use (void *socket, int mechanism)
{
    if (mechanism == PLAINS) {
        MUST (set_text (socket, ZMQ_PLAIN_USERNAME, "name"));
        MUST (set_text (socket, ZMQ_PLAIN_PASSWORD, "word"));
    }
    if (mechanism == CURVES) {
        MUST (zmq_setsockopt (socket, ZMQ_CURVE_PUBLICKEY, client_public, 41));
        MUST (zmq_setsockopt (socket, ZMQ_CURVE_SECRETKEY, client_secret, 41));
        MUST (zmq_setsockopt (socket, ZMQ_CURVE_SERVERKEY, server_public, 41));
    }
}

/* Prints the events up to the end of the connection, or until it stands. */
static int show (const char *label, void *monitor)
{
    for (;;) {
        uint32_t value = 0;
        const int event = next_event (monitor, PATIENCE_MS, &value, NULL, 0);
        /* Who gives up first, and whether with bytes unread, varies in the original. */
        if (event == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL && value != EFAULT)
            printf ("%s: %s\n", label, event_name ((uint64_t) event));
        else if (event == ZMQ_EVENT_DISCONNECTED || !event)
            printf ("%s: %s\n", label, event ? "DISCONNECTED" : "NOTHING MORE");
        else
            printf ("%s: %s 0x%x\n", label, event_name ((uint64_t) event), value);
        if (!event || event == ZMQ_EVENT_DISCONNECTED || event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
            return event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
    }
}

/* The client has a time limit for the handshake, the server none: so it is clear who gives up. */
static void meet (int serving, int using, const char *domain, int enforce, struct handler *handler)
{
    void *context = zmq_ctx_new ();
    void *server = open_socket (context, ZMQ_DEALER), *client = open_socket (context, ZMQ_DEALER);
    char endpoint[128];
    pthread_t thread;
    if (handler)
        start (&thread, handler, context);
    MUST (set_int (server, ZMQ_HANDSHAKE_IVL, 0));
    MUST (set_int (client, ZMQ_HANDSHAKE_IVL, 300));
    MUST (set_int (client, ZMQ_RECONNECT_IVL, -1));
    serve (server, serving);
    use (client, using);
    if (domain)
        MUST (set_text (server, ZMQ_ZAP_DOMAIN, domain));
    MUST (set_int (server, ZMQ_ZAP_ENFORCE_DOMAIN, enforce));
    void *at_server = open_monitor (context, server, handshake_events | ZMQ_EVENT_DISCONNECTED);
    void *at_client = open_monitor (context, client, handshake_events | ZMQ_EVENT_DISCONNECTED);
    BIND_TCP (server, endpoint);
    MUST (zmq_connect (client, endpoint));
    const int client_stands = show ("client", at_client);
    if (show ("server", at_server) && client_stands) {
        zmq_msg_t message;
        zmq_msg_init (&message);
        MUST (set_int (server, ZMQ_RCVTIMEO, PATIENCE_MS));
        MUST (zmq_send (client, "hello", 5, 0));
        if (zmq_msg_recv (&message, server, 0) == 5) {
            const char *user = zmq_msg_gets (&message, "User-Id");
            const char *role = zmq_msg_gets (&message, "Role");
            printf ("a message of %s, %s\n", user ? user : "nobody", role ? role : "without a role");
        } else
            printf ("no message\n");
        zmq_msg_close (&message);
    }
    close_monitor (client, at_client);
    close_monitor (server, at_server);
    zmq_close (client);
    zmq_close (server);
    zmq_ctx_shutdown (context);
    if (handler)
        pthread_join (thread, NULL);
    zmq_ctx_term (context);
}

static struct handler answer (const char *status)
{
    static const char role[] = "\004Role\000\000\000\003any";
    struct handler handler = {NULL, "1.0", NULL, status, role, sizeof role - 1};
    return handler;
}

int main (void)
{
    for (int serving = 0; serving < MECHANISMS; serving++)
        for (int using = 0; using < MECHANISMS; using++) {
            struct handler handler = answer ("200");
            section ("%s client, %s server", names[using], names[serving]);
            meet (serving, using, "domain", 0, &handler);
        }
    for (int mechanism = 0; mechanism < MECHANISMS; mechanism++) {
        static const char *const statuses[] = {"200", "300", "400", "500", "600", "20", ""};
        /* With NULL and a bad answer it varies in the original whether the connection ends. */
        for (int i = 0; i < (mechanism == NULLS ? 4 : 7); i++) {
            struct handler handler = answer (statuses[i]);
            section ("%s, status '%s'", names[mechanism], statuses[i]);
            meet (mechanism, mechanism, "domain", 0, &handler);
        }
        struct handler handler = answer ("200");
        section ("%s, no domain", names[mechanism]);
        meet (mechanism, mechanism, NULL, 0, &handler);
        /* Where it needs a handler and has none, the original keeps the connection and reads no more. */
        if (mechanism != PLAINS) {
            section ("%s, no handler", names[mechanism]);
            meet (mechanism, mechanism, "domain", 0, NULL);
        }
        if (mechanism == NULLS)
            continue;
        section ("%s, another version", names[mechanism]);
        handler.version = "1.1";
        meet (mechanism, mechanism, "domain", 0, &handler);
        section ("%s, another request", names[mechanism]);
        handler = answer ("200");
        handler.id = "2";
        meet (mechanism, mechanism, "domain", 0, &handler);
        section ("%s, bad metadata", names[mechanism]);
        handler = answer ("200");
        handler.metadata_size--;
        meet (mechanism, mechanism, "domain", 0, &handler);
        if (mechanism == PLAINS)
            continue; /* The original ends the process. */
        section ("%s, no domain, which is enforced", names[mechanism]);
        meet (mechanism, mechanism, NULL, 1, NULL);
    }
    return 0;
}
