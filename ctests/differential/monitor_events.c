/* Monitors: the events of connections that succeed, fail, end and come back, in both versions. */
#include "observe.h"

static char endpoint[128];

/* Which numbers come with an event: descriptors and intervals vary, errors do not. */
static void print_value (int event, uint64_t value)
{
    switch (event) {
        case ZMQ_EVENT_BIND_FAILED:
        case ZMQ_EVENT_CONNECT_DELAYED:
        case ZMQ_EVENT_CLOSE_FAILED:
            printf (" %s", errno_name ((int) value));
            break;
        case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
            /* Where the time ran out, the original gives whatever errno was there. */
            printf (" %s", value == EPIPE ? "EPIPE" : "another errno");
            break;
        case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
            printf (" 0x%" PRIx64, value);
            break;
        case ZMQ_EVENT_CONNECT_RETRIED:
            printf (" after some time");
            break;
        case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        case ZMQ_EVENT_MONITOR_STOPPED:
            printf (" %" PRIu64, value);
            break;
        default:
            printf (" %s", value > 2 && value < 100000 ? "fd" : "no fd");
    }
}

/* Prints events up to and including one of this kind. */
static void show_events_until (const char *label, void *monitor, int last)
{
    char address[256];
    uint32_t value = 0;
    for (int i = 0; i < 40; i++) {
        const int event = next_event (monitor, PATIENCE_MS, &value, address, sizeof address);
        printf ("%s: %s", label, event ? event_name ((uint64_t) event) : "NOTHING MORE");
        if (event)
            print_value (event, value);
        printf (" [%s]\n", event ? mask_port (address) : "");
        if (event == last || !event)
            return;
    }
}

static void show_no_event (const char *label, void *monitor)
{
    const int event = next_event (monitor, QUIET_MS, NULL, NULL, 0);
    printf ("%s: %s\n", label, event ? event_name ((uint64_t) event) : "no more events");
}

static void connection (void *context, const char *transport)
{
    section ("a connection over %s", transport);
    void *server = open_socket (context, ZMQ_REP);
    void *client = open_socket (context, ZMQ_REQ);
    void *at_server = open_monitor (context, server, ZMQ_EVENT_ALL);
    void *at_client = open_monitor (context, client, ZMQ_EVENT_ALL);
    if (strcmp (transport, "tcp") == 0)
        BIND_TCP (server, endpoint);
    else
        MUST (zmq_bind (server, strcpy (endpoint, "ipc://monitored.socket")));
    show_events_until ("server", at_server, ZMQ_EVENT_LISTENING);
    MUST (zmq_connect (client, endpoint));
    show_events_until ("server", at_server, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    show_events_until ("client", at_client, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    show_no_event ("client", at_client);
    section ("the client closes");
    close_monitor (client, at_client);
    zmq_close (client);
    show_events_until ("server", at_server, ZMQ_EVENT_DISCONNECTED);
    show_no_event ("server", at_server);
    section ("the server unbinds");
    MUST (zmq_unbind (server, endpoint));
    show_events_until ("server", at_server, ZMQ_EVENT_CLOSED);
    show_no_event ("server", at_server);
    section ("monitoring ends");
    SHOW (zmq_socket_monitor (server, NULL, 0));
    show_events_until ("server", at_server, ZMQ_EVENT_MONITOR_STOPPED);
    show_no_event ("server", at_server);
    SHOW (zmq_socket_monitor (server, NULL, 0));
    zmq_close (at_server);
    zmq_close (server);
}

static void lost_server (void *context)
{
    section ("the server goes away and comes back");
    void *server = open_socket (context, ZMQ_PULL);
    void *client = open_socket (context, ZMQ_PUSH);
    MUST (set_int (client, ZMQ_RECONNECT_IVL, 50));
    void *at_client = open_monitor (context, client, ZMQ_EVENT_ALL);
    MUST (zmq_bind (server, FREE_ENDPOINT (endpoint)));
    MUST (zmq_connect (client, endpoint));
    show_events_until ("client", at_client, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    zmq_close (server);
    show_events_until ("client", at_client, ZMQ_EVENT_CONNECT_RETRIED);
    /* Attempts fail until it is back: each is delayed, closed and retried. */
    show_events_until ("client", at_client, ZMQ_EVENT_CONNECT_RETRIED);
    server = open_socket (context, ZMQ_PULL);
    while (zmq_bind (server, endpoint) == -1)
        sleep_ms (1);
    await_event (at_client, ZMQ_EVENT_CONNECTED);
    show_events_until ("client", at_client, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    SHOW (zmq_disconnect (client, endpoint));
    show_no_event ("client disconnects", at_client);
    close_monitor (client, at_client);
    zmq_close (client);
    zmq_close (server);
}

static void refused (void *context)
{
    section ("nobody listens over tcp");
    void *client = open_socket (context, ZMQ_PUSH);
    MUST (set_int (client, ZMQ_RECONNECT_IVL, 20));
    void *at_client = open_monitor (context, client, ZMQ_EVENT_ALL);
    MUST (zmq_connect (client, FREE_ENDPOINT (endpoint)));
    show_events_until ("client", at_client, ZMQ_EVENT_CONNECT_RETRIED);
    show_events_until ("client", at_client, ZMQ_EVENT_CONNECT_RETRIED);
    close_monitor (client, at_client);
    zmq_close (client);
    section ("nobody listens over ipc");
    client = open_socket (context, ZMQ_PUSH);
    MUST (set_int (client, ZMQ_RECONNECT_IVL, 20));
    at_client = open_monitor (context, client, ZMQ_EVENT_ALL);
    MUST (zmq_connect (client, "ipc://no-such.socket"));
    show_events_until ("client", at_client, ZMQ_EVENT_CONNECT_RETRIED);
    show_events_until ("client", at_client, ZMQ_EVENT_CONNECT_RETRIED);
    close_monitor (client, at_client);
    zmq_close (client);
    section ("no reconnecting");
    client = open_socket (context, ZMQ_PUSH);
    MUST (set_int (client, ZMQ_RECONNECT_STOP, ZMQ_RECONNECT_STOP_CONN_REFUSED));
    at_client = open_monitor (context, client, ZMQ_EVENT_ALL);
    MUST (zmq_connect (client, FREE_ENDPOINT (endpoint)));
    show_events_until ("client", at_client, ZMQ_EVENT_CLOSED);
    show_no_event ("client", at_client);
    close_monitor (client, at_client);
    zmq_close (client);
}

static void bind_failures (void *context)
{
    section ("binds that fail");
    void *holder = open_socket (context, ZMQ_PULL);
    void *s = open_socket (context, ZMQ_PULL);
    void *monitor = open_monitor (context, s, ZMQ_EVENT_ALL);
    BIND_TCP (holder, endpoint);
    SHOW (zmq_bind (s, endpoint));
    show_events_until ("taken", monitor, ZMQ_EVENT_BIND_FAILED);
    SHOW (zmq_bind (s, "ipc://no/such/directory"));
    show_events_until ("ipc", monitor, ZMQ_EVENT_BIND_FAILED);
    SHOW (zmq_bind (s, "tcp://nonsense"));
    show_events_until ("nonsense", monitor, ZMQ_EVENT_BIND_FAILED);
    SHOW (zmq_bind (s, "foo://bar"));
    show_no_event ("no transport", monitor);
    SHOW (zmq_bind (s, "inproc://unmonitored"));
    show_no_event ("inproc", monitor);
    close_monitor (s, monitor);
    zmq_close (s);
    zmq_close (holder);
}

/* Byte-level clients that do not shake hands as they should. */
static void bad_handshakes (void *context)
{
    static const unsigned char v3[64] = {0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 0, 'N', 'U', 'L', 'L'};
    static const struct {
        const char *name;
        const char *bytes;
        size_t size;
        int shakes_hands;
    } after_greeting[] = {
      {"an unknown command", "\004\005\004NOPE", 7, 0},
      {"a READY without properties", "\004\006\005READY", 8, 1},
      {"a READY with a malformed property", "\004\010\005READY\013S", 10, 0},
      {"a READY of a kind that does not fit", "\004\031\005READY\013Socket-Type\000\000\000\003PUB", 27, 0},
      {"a READY as it should be", "\004\032\005READY\013Socket-Type\000\000\000\004PUSH", 28, 1},
      {"a message instead of a command", "\000\001x", 3, 0},
    };
    void *server = open_socket (context, ZMQ_PULL);
    void *monitor = open_monitor (context, server, ZMQ_EVENT_ALL & ~ZMQ_EVENT_LISTENING);
    MUST (set_int (server, ZMQ_HANDSHAKE_IVL, 30000));
    BIND_TCP (server, endpoint);

    section ("a client that says nothing and leaves");
    int fd = raw_connect (endpoint);
    show_events_until ("server", monitor, ZMQ_EVENT_ACCEPTED);
    shutdown (fd, SHUT_WR);
    show_events_until ("server", monitor, ZMQ_EVENT_DISCONNECTED);
    close (fd);

    section ("a client that leaves within its greeting");
    fd = raw_connect (endpoint);
    show_events_until ("server", monitor, ZMQ_EVENT_ACCEPTED);
    raw_write (fd, v3, 20);
    shutdown (fd, SHUT_WR);
    show_events_until ("server", monitor, ZMQ_EVENT_DISCONNECTED);
    close (fd);

    section ("another mechanism");
    unsigned char other[64];
    memcpy (other, v3, 64);
    memcpy (other + 12, "PLAIN", 5);
    fd = raw_connect (endpoint);
    show_events_until ("server", monitor, ZMQ_EVENT_ACCEPTED);
    raw_write (fd, other, 64);
    show_events_until ("server", monitor, ZMQ_EVENT_DISCONNECTED);
    close (fd);

    section ("a mechanism that does not exist");
    memcpy (other + 12, "MAGIC", 5);
    fd = raw_connect (endpoint);
    show_events_until ("server", monitor, ZMQ_EVENT_ACCEPTED);
    raw_write (fd, other, 64);
    show_events_until ("server", monitor, ZMQ_EVENT_DISCONNECTED);
    close (fd);

    for (size_t i = 0; i < sizeof after_greeting / sizeof *after_greeting; i++) {
        section ("%s", after_greeting[i].name);
        fd = raw_connect (endpoint);
        show_events_until ("server", monitor, ZMQ_EVENT_ACCEPTED);
        raw_write (fd, v3, 64);
        raw_write (fd, after_greeting[i].bytes, after_greeting[i].size);
        if (after_greeting[i].shakes_hands) {
            show_events_until ("server", monitor, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
            shutdown (fd, SHUT_WR);
        }
        show_events_until ("server", monitor, ZMQ_EVENT_DISCONNECTED);
        close (fd);
    }

    section ("a greeting that never ends");
    void *hasty = open_socket (context, ZMQ_PULL);
    void *at_hasty = open_monitor (context, hasty, ZMQ_EVENT_ALL & ~ZMQ_EVENT_LISTENING);
    MUST (set_int (hasty, ZMQ_HANDSHAKE_IVL, 50));
    BIND_TCP (hasty, endpoint);
    fd = raw_connect (endpoint);
    show_events_until ("server", at_hasty, ZMQ_EVENT_DISCONNECTED);
    close (fd);
    close_monitor (hasty, at_hasty);
    zmq_close (hasty);
    close_monitor (server, monitor);
    zmq_close (server);
}

/* An event of version 2: event, number of values, values, local and remote address. */
static int show_event_v2 (const char *label, void *monitor)
{
    zmq_pollitem_t item = {monitor, 0, ZMQ_POLLIN, 0};
    uint64_t event = 0, count = 0;
    char local[256] = "", remote[256] = "";
    if (zmq_poll (&item, 1, PATIENCE_MS) <= 0) {
        printf ("%s: NOTHING MORE\n", label);
        return 0;
    }
    const int size = zmq_recv (monitor, &event, sizeof event, 0);
    zmq_recv (monitor, &count, sizeof count, 0);
    printf ("%s: %s of %d bytes, %" PRIu64 " values", label, event_name (event), size, count);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t value = 0;
        zmq_recv (monitor, &value, sizeof value, 0);
        /* How full a queue is depends on the moment. */
        if (event == ZMQ_EVENT_PIPES_STATS)
            printf (" some");
        else
            print_value ((int) event, value);
    }
    zmq_recv (monitor, local, sizeof local - 1, 0);
    zmq_recv (monitor, remote, sizeof remote - 1, 0);
    printf (" [%s] [%s] more %d\n", mask_port (local), mask_port (remote), integer_option (monitor, ZMQ_RCVMORE));
    return (int) event;
}

static void show_v2_until (const char *label, void *monitor, int last)
{
    for (int i = 0; i < 20; i++) {
        const int event = show_event_v2 (label, monitor);
        if (event == 0 || event == last)
            return;
    }
}

static void *monitor_v2 (void *context, void *socket, uint64_t events, int type)
{
    char name[64];
    INPROC_NAME (name);
    SHOW (zmq_socket_monitor_versioned (socket, name, events, 2, type));
    void *monitor = open_socket (context, type == ZMQ_PUSH ? ZMQ_PULL : type == ZMQ_PUB ? ZMQ_SUB : ZMQ_PAIR);
    if (type == ZMQ_PUB)
        MUST (set_text (monitor, ZMQ_SUBSCRIBE, ""));
    MUST (zmq_connect (monitor, name));
    return monitor;
}

static void version_2 (void *context, const char *transport)
{
    section ("version 2 over %s", transport);
    void *server = open_socket (context, ZMQ_PULL);
    void *client = open_socket (context, ZMQ_PUSH);
    void *at_server = monitor_v2 (context, server, ZMQ_EVENT_ALL_V2, ZMQ_PUSH);
    void *at_client = monitor_v2 (context, client, ZMQ_EVENT_ALL_V2, ZMQ_PAIR);
    if (strcmp (transport, "tcp") == 0)
        BIND_TCP (server, endpoint);
    else
        MUST (zmq_bind (server, strcpy (endpoint, "ipc://v2.socket")));
    MUST (zmq_connect (client, endpoint));
    show_v2_until ("server", at_server, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    show_v2_until ("client", at_client, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    MUST (send_text (client, "through", 0));
    show_message ("server", server);
    SHOW (zmq_socket_monitor_pipes_stats (client));
    attended = client;
    await_events (at_client, ZMQ_POLLIN);
    attended = NULL;
    show_event_v2 ("client", at_client);
    close_monitor (client, at_client);
    zmq_close (client);
    show_v2_until ("server", at_server, ZMQ_EVENT_DISCONNECTED);
    MUST (zmq_unbind (server, endpoint));
    show_v2_until ("server", at_server, ZMQ_EVENT_CLOSED);
    SHOW (zmq_socket_monitor_versioned (server, NULL, 0, 2, ZMQ_PUSH));
    show_v2_until ("server", at_server, ZMQ_EVENT_MONITOR_STOPPED);
    zmq_close (at_server);
    zmq_close (server);
}

static void masks (void *context)
{
    section ("only some events");
    void *server = open_socket (context, ZMQ_PULL);
    void *client = open_socket (context, ZMQ_PUSH);
    void *monitor = open_monitor (context, server, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_CLOSED);
    BIND_TCP (server, endpoint);
    MUST (zmq_connect (client, endpoint));
    MUST (send_text (client, "x", 0));
    show_message ("server", server);
    show_events_until ("server", monitor, ZMQ_EVENT_ACCEPTED);
    show_no_event ("server", monitor);
    section ("a second monitor replaces the first");
    void *second = open_monitor (context, server, ZMQ_EVENT_CLOSED | ZMQ_EVENT_MONITOR_STOPPED);
    show_no_event ("first", monitor);
    MUST (zmq_unbind (server, endpoint));
    show_events_until ("second", second, ZMQ_EVENT_CLOSED);
    show_no_event ("first", monitor);
    SHOW (zmq_socket_monitor (server, NULL, 0));
    show_events_until ("second", second, ZMQ_EVENT_MONITOR_STOPPED);
    zmq_close (monitor);
    zmq_close (second);
    zmq_close (server);
    zmq_close (client);
}

static void errors (void *context)
{
    section ("errors");
    void *s = open_socket (context, ZMQ_PULL);
    void *other = open_socket (context, ZMQ_PULL);
    SHOW (zmq_socket_monitor (s, "tcp://127.0.0.1:*", ZMQ_EVENT_ALL));
    SHOW (zmq_socket_monitor (s, "ipc://monitor", ZMQ_EVENT_ALL));
    SHOW (zmq_socket_monitor (s, "inproc://", ZMQ_EVENT_ALL));
    SHOW (zmq_socket_monitor (s, "nonsense", ZMQ_EVENT_ALL));
    SHOW (zmq_socket_monitor (s, "foo://bar", ZMQ_EVENT_ALL));
    SHOW (zmq_socket_monitor_versioned (s, "inproc://m", 0x10000, 1, ZMQ_PAIR));
    SHOW (zmq_socket_monitor_versioned (s, "inproc://m", ZMQ_EVENT_ALL_V1, 1, ZMQ_REP));
    SHOW (zmq_socket_monitor_versioned (s, "inproc://m", ZMQ_EVENT_ALL_V1, 1, ZMQ_SUB));
    SHOW (zmq_socket_monitor_versioned (s, "inproc://m", ZMQ_EVENT_ACCEPTED, 1, ZMQ_PAIR));
    SHOW (zmq_socket_monitor (other, "inproc://m", ZMQ_EVENT_ACCEPTED));
    SHOW (zmq_socket_monitor_pipes_stats (s));
    SHOW (zmq_socket_monitor (s, NULL, 0));
    SHOW (zmq_socket_monitor (NULL, "inproc://m", ZMQ_EVENT_ALL));
    SHOW (zmq_socket_monitor_versioned (s, "inproc://stats", ZMQ_EVENT_PIPES_STATS, 2, ZMQ_PAIR));
    SHOW (zmq_socket_monitor_pipes_stats (s));
    SHOW (zmq_socket_monitor (s, NULL, 0));
    zmq_close (s);
    zmq_close (other);
}

/* A monitored socket that closes says so as its last event. */
static void closed (void *context)
{
    section ("the monitored socket closes");
    void *s = open_socket (context, ZMQ_PULL);
    void *monitor = open_monitor (context, s, ZMQ_EVENT_ALL);
    BIND_TCP (s, endpoint);
    zmq_close (s);
    show_events_until ("socket", monitor, ZMQ_EVENT_MONITOR_STOPPED);
    show_no_event ("socket", monitor);
    zmq_close (monitor);
}

int main (void)
{
    void *context = zmq_ctx_new ();
    connection (context, "tcp");
    connection (context, "ipc");
    lost_server (context);
    refused (context);
    bind_failures (context);
    bad_handshakes (context);
    version_2 (context, "tcp");
    version_2 (context, "ipc");
    masks (context);
    errors (context);
    closed (context);
    SHOW (zmq_ctx_term (context));
    return 0;
}
