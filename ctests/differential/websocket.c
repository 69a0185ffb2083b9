/* WebSockets: endpoints, the upgrade from HTTP, frames by hand, and the events a monitor shows. */
#include "observe.h"
#include "observe/websockets.h"

static char endpoint[256];

/* An endpoint with its port masked and its path left. */
static const char *mask (const char *text)
{
    static char masked[256];
    const char *colon = strrchr (text, ':');
    const char *path = colon ? strchr (colon, '/') : NULL;
    if (!colon || !isdigit ((unsigned char) colon[1]))
        return text;
    snprintf (masked, sizeof masked, "%.*s:PORT%s", (int) (colon - text), text, path ? path : "");
    return masked;
}

static const char *last_endpoint (void *socket)
{
    size_t size = sizeof endpoint;
    endpoint[0] = 0;
    zmq_getsockopt (socket, ZMQ_LAST_ENDPOINT, endpoint, &size);
    return endpoint;
}

static void bind_ws (void *socket, const char *address)
{
    MUST (zmq_bind (socket, address));
    last_endpoint (socket);
}

static void endpoints (void *context)
{
    static const char *const binds[] = {
      "ws://127.0.0.1:*",    "ws://127.0.0.1:*/",  "ws://127.0.0.1:*/path", "ws://*:*/path",
      "ws://lo:*/path",      "ws://127.0.0.1:0/x", "ws://127.0.0.1",        "ws://127.0.0.1/path",
      "ws://",               "ws:///path",         "ws://127.0.0.1:x/path", "ws://192.0.2.1:*/",
      "ws://no-such-host:*", "WS://127.0.0.1:*/",
    };
    static const char *const connects[] = {
      "ws://127.0.0.1:5555", "ws://127.0.0.1:5555/",  "ws://127.0.0.1:5555/path",
      "ws://*:5555/",        "ws://127.0.0.1:*/",     "ws://127.0.0.1",
      "ws://",               "ws://127.0.0.1:x/path",
    };
    section ("binding");
    for (size_t i = 0; i < sizeof binds / sizeof *binds; i++) {
        void *s = open_socket (context, ZMQ_PULL);
        printf ("%s: ", binds[i]);
        SHOW (zmq_bind (s, binds[i]));
        printf ("last endpoint %s\n", mask (last_endpoint (s)));
        zmq_close (s);
    }
    section ("connecting");
    for (size_t i = 0; i < sizeof connects / sizeof *connects; i++) {
        void *s = open_socket (context, ZMQ_PUSH);
        printf ("%s: ", connects[i]);
        SHOW (zmq_connect (s, connects[i]));
        printf ("last endpoint %s\n", mask (last_endpoint (s)));
        SHOW (zmq_disconnect (s, connects[i]));
        SHOW (zmq_disconnect (s, connects[i]));
        zmq_close (s);
    }
    section ("taken, and free again");
    void *s = open_socket (context, ZMQ_PULL);
    bind_ws (s, "ws://127.0.0.1:*/path");
    void *other = open_socket (context, ZMQ_PULL);
    SHOW (zmq_bind (other, endpoint));
    SHOW (zmq_unbind (s, endpoint));
    SHOW (zmq_unbind (s, endpoint));
    zmq_close (other);
    zmq_close (s);
    section ("IPv6");
    s = open_socket (context, ZMQ_PULL);
    MUST (set_int (s, ZMQ_IPV6, 1));
    SHOW (zmq_bind (s, "ws://[::1]:*/path"));
    printf ("last endpoint %s\n", mask (last_endpoint (s)));
    SHOW (zmq_bind (s, "ws://*:*"));
    printf ("last endpoint %s\n", mask (last_endpoint (s)));
    zmq_close (s);
}

/* Prints events up to and including one of this kind. A success is shown once: the original has
   one after the upgrade and one after the mechanism. */
static void show_events_until (const char *label, void *monitor, int last)
{
    char address[256];
    uint32_t value = 0;
    int succeeded = 0;
    for (int i = 0; i < 40; i++) {
        const int event = next_event (monitor, PATIENCE_MS, &value, address, sizeof address);
        if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED && succeeded++ && event != last)
            continue;
        printf ("%s: %s", label, event ? event_name ((uint64_t) event) : "NOTHING MORE");
        if (event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL)
            printf (" 0x%x", value);
        printf (" [%s]\n", event ? mask (address) : "");
        if (event == last || !event)
            return;
    }
}

static void connection (void *context)
{
    section ("a connection");
    const int wanted = ZMQ_EVENT_ALL & ~ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
    void *server = open_socket (context, ZMQ_REP);
    void *client = open_socket (context, ZMQ_REQ);
    void *at_server = open_monitor (context, server, wanted);
    void *at_client = open_monitor (context, client, wanted);
    bind_ws (server, "ws://127.0.0.1:*/path");
    show_events_until ("server", at_server, ZMQ_EVENT_LISTENING);
    MUST (zmq_connect (client, endpoint));
    show_events_until ("client", at_client, ZMQ_EVENT_CONNECTED);
    show_events_until ("server", at_server, ZMQ_EVENT_ACCEPTED);
    char answer[16];
    SHOW (zmq_send (client, "question", 8, 0));
    SHOW (zmq_recv (server, answer, sizeof answer, 0));
    SHOW (zmq_send (server, "answer", 6, 0));
    SHOW (zmq_recv (client, answer, sizeof answer, 0));
    close_monitor (client, at_client);
    zmq_close (client);
    show_events_until ("server", at_server, ZMQ_EVENT_DISCONNECTED);
    MUST (zmq_unbind (server, endpoint));
    show_events_until ("server", at_server, ZMQ_EVENT_CLOSED);
    close_monitor (server, at_server);
    zmq_close (server);
}

static void properties (void *context)
{
    section ("what is known of a peer");
    void *server = open_socket (context, ZMQ_ROUTER);
    void *client = open_socket (context, ZMQ_DEALER);
    MUST (zmq_setsockopt (client, ZMQ_ROUTING_ID, "me", 2));
    bind_ws (server, "ws://127.0.0.1:*");
    MUST (zmq_connect (client, endpoint));
    SHOW (zmq_send (client, "a", 1, ZMQ_SNDMORE));
    SHOW (zmq_send (client, "", 0, 0));
    int more = 1;
    while (more) {
        zmq_msg_t message;
        zmq_msg_init (&message);
        MUST (zmq_msg_recv (&message, server, 0));
        more = zmq_msg_more (&message);
        print_bytes (zmq_msg_data (&message), zmq_msg_size (&message));
        const char *kind = zmq_msg_gets (&message, "Socket-Type");
        const char *peer = zmq_msg_gets (&message, "Peer-Address");
        printf (" %s %s\n", kind ? kind : "no type", peer ? peer : "no address");
        zmq_msg_close (&message);
    }
    SHOW (zmq_send (server, "me", 2, ZMQ_SNDMORE));
    SHOW (zmq_send (server, "back", 4, 0));
    char back[16];
    SHOW (zmq_recv (client, back, sizeof back, 0));
    zmq_close (client);
    zmq_close (server);
}

static void upgrades (void *context)
{
    static const struct {
        const char *name;
        const char *request;
    } cases[] = {
      {"without a mechanism", GET USUAL PROTOCOL "ZWS2.0\r\n\r\n"},
      {"with NULL", GET USUAL PROTOCOL "ZWS2.0/NULL\r\n\r\n"},
      {"several", GET USUAL PROTOCOL "chat, ZWS2.0/PLAIN,ZWS2.0, ZWS2.0/NULL\r\n\r\n"},
      {"several headers", GET USUAL PROTOCOL "chat\r\n" PROTOCOL "ZWS2.0/NULL\r\n" PROTOCOL "ZWS2.0\r\n\r\n"},
      {"a browser's headers",
       "GET /any/path?x=y HTTP/1.1\r\nhost: x\r\nCONNECTION: keep-alive, upgrade\r\nupgrade: WebSocket\r\n"
       "sec-websocket-key: x\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"
       "sec-websocket-protocol: ZWS2.0\r\n\r\n"},
      {"another mechanism", GET USUAL PROTOCOL "ZWS2.0/CURVE\r\n\r\n"},
      {"no protocol that is spoken", GET USUAL PROTOCOL "chat\r\n\r\n"},
      {"no protocol", GET USUAL "\r\n"},
      {"no upgrade", GET "Host: x\r\n\r\n"},
      {"no key",
       GET "Upgrade: websocket\r\nConnection: Upgrade\r\n" PROTOCOL "ZWS2.0\r\n\r\n"},
      {"another method", "POST / HTTP/1.1\r\n" USUAL PROTOCOL "ZWS2.0\r\n\r\n"},
      {"an old version", "GET / HTTP/1.0\r\n" USUAL PROTOCOL "ZWS2.0\r\n\r\n"},
      {"no HTTP", "\xff\0\0\0\0\0\0\0\1\x7f\r\n\r\n"},
    };
    void *server = open_socket (context, ZMQ_PULL);
    const int wanted = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
                       | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_DISCONNECTED;
    void *monitor = open_monitor (context, server, wanted);
    bind_ws (server, "ws://127.0.0.1:*/path");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        section ("%s", cases[i].name);
        const int fd = raw_connect (endpoint);
        raw_write (fd, cases[i].request, strlen (cases[i].request) ? strlen (cases[i].request) : 14);
        if (!show_response (fd))
            printf ("  refused\n");
        close (fd);
        show_events_until ("server", monitor, ZMQ_EVENT_DISCONNECTED);
    }
    close_monitor (server, monitor);
    zmq_close (server);
}

static void frames (void *context)
{
    void *server = open_socket (context, ZMQ_DEALER);
    MUST (zmq_setsockopt (server, ZMQ_ROUTING_ID, "server", 6));
    MUST (zmq_setsockopt (server, ZMQ_MAXMSGSIZE, &(int64_t){1000}, 8));
    bind_ws (server, "ws://127.0.0.1:*");

    section ("without a mechanism");
    int fd = upgraded (endpoint, "ZWS2.0");
    show_frame (fd);
    send_frame (fd, 0x82, "\0id", 3, "abcd");
    send_frame (fd, 0x82, "\1first", 6, "abcd");
    send_frame (fd, 0x82, "\0last", 5, "\0\0\0\0");
    show_parts (server);
    SHOW (zmq_send (server, "x", 1, ZMQ_SNDMORE));
    SHOW (zmq_send (server, "", 0, 0));
    show_frame (fd);
    show_frame (fd);
    close (fd);

    section ("with NULL");
    fd = shaken_hands (endpoint);
    send_frame (fd, 0x82, "\0hello", 6, "abcd");
    show_parts (server);
    section ("a ping");
    send_frame (fd, 0x89, "", 0, "abcd");
    show_frame (fd);
    section ("a pong that nobody asked for, and an unknown command");
    send_frame (fd, 0x8a, "x", 1, "abcd");
    send_frame (fd, 0x82, "\2\3FOO", 5, "abcd");
    send_frame (fd, 0x82, "\0on", 3, "abcd");
    show_parts (server);
    close (fd);
    zmq_close (server);
}

static void subscriptions (void *context)
{
    section ("subscriptions");
    void *server = open_socket (context, ZMQ_XPUB);
    bind_ws (server, "ws://127.0.0.1:*");
    int fd = upgraded (endpoint, "ZWS2.0");
    show_frame (fd);
    send_frame (fd, 0x82, "\0", 1, "abcd");
    send_frame (fd, 0x82, "\0\1topic", 7, "abcd");
    show_parts (server);
    SHOW (zmq_send (server, "topic!", 6, 0));
    SHOW (zmq_send (server, "other", 5, 0));
    send_frame (fd, 0x82, "\0\0topic", 7, "abcd");
    show_parts (server);
    SHOW (zmq_send (server, "topic!", 6, 0));
    send_frame (fd, 0x82, "\0\1other", 7, "abcd");
    show_parts (server);
    SHOW (zmq_send (server, "other", 5, 0));
    show_frame (fd);
    show_frame (fd);
    close (fd);
    zmq_close (server);
}

int main (void)
{
    void *context = zmq_ctx_new ();
    printf ("WS: %d\n", zmq_has ("WS"));
    endpoints (context);
    connection (context);
    properties (context);
    upgrades (context);
    frames (context);
    subscriptions (context);
    SHOW (zmq_ctx_term (context));
    return 0;
}
