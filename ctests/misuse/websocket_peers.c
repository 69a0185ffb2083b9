/*
 * WebSocket peers that do not keep to the rules: what they send ends their connection, and nothing
 * else. The original crashes on some of it, hangs on others, and answers no ping without a
 * mechanism. What it could do and does not, is here as well: messages in fragments, and saying that
 * it ends.
 */
#include "misuse.h"

#include "../differential/observe/websockets.h"

static char endpoint[256];

static void expect (const char *what, int holds)
{
    printf ("%s: %s\n", what, holds ? "yes" : "NO");
    complaints += !holds;
}

static int ended (int fd)
{
    char byte;
    for (;;) {
        struct pollfd ready = {fd, POLLIN, 0};
        if (poll (&ready, 1, PATIENCE_MS) <= 0)
            return 0;
        if (read (fd, &byte, 1) <= 0)
            return 1;
    }
}

static void *bound (void *context, int kind)
{
    size_t size = sizeof endpoint;
    void *server = open_socket (context, kind);
    MUST (zmq_setsockopt (server, ZMQ_MAXMSGSIZE, &(int64_t){1000}, 8));
    MUST (set_int (server, ZMQ_RCVTIMEO, PATIENCE_MS));
    MUST (zmq_bind (server, "ws://127.0.0.1:*"));
    MUST (zmq_getsockopt (server, ZMQ_LAST_ENDPOINT, endpoint, &size));
    return server;
}

static int receives (void *socket, const char *text)
{
    char buffer[64];
    const int size = zmq_recv (socket, buffer, sizeof buffer, 0);
    return size == (int) strlen (text) && memcmp (buffer, text, strlen (text)) == 0;
}

static void frames_that_end_the_connection (void *context)
{
    static const struct {
        const char *name;
        const char *bytes;
        size_t size;
    } ends[] = {
      {"text", "\x81\x81\0\0\0\0a", 7},
      {"no mask", "\x82\2\0a", 4},
      {"an empty message without its flags", "\x82\x80\0\0\0\0", 6},
      {"a continuation of nothing", "\x80\x81\0\0\0\0\0", 7},
      {"an opcode without a meaning", "\x83\x81\0\0\0\0\0", 7},
      {"a reserved bit", "\xc2\x81\0\0\0\0\0", 7},
      {"a ping in fragments", "\x09\x80\0\0\0\0", 6},
      {"a long ping", "\x89\xfe\0\x7e\0\0\0\0", 8},
      {"longer than allowed", "\x82\xfe\x20\0\0\0\0\0\0", 9},
      {"longer than anything", "\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0", 15},
      {"a message within fragments", "\2\x81\0\0\0\0\0\x82\x81\0\0\0\0\0", 14},
    };
    void *server = bound (context, ZMQ_DEALER);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const int fd = shaken_hands (endpoint);
        raw_write (fd, ends[i].bytes, ends[i].size);
        expect (ends[i].name, ended (fd));
        close (fd);
    }
    int fd = shaken_hands (endpoint);
    send_frame (fd, 0x88, "\3\xe8", 2, "abcd");
    show_frame (fd);
    expect ("a close ends the connection after its answer", ended (fd));
    close (fd);
    zmq_close (server);
}

static void fragments_and_pings (void *context)
{
    void *server = bound (context, ZMQ_DEALER);
    int fd = upgraded (endpoint, "ZWS2.0");
    show_frame (fd);
    send_frame (fd, 0x82, "\0", 1, "abcd");
    send_frame (fd, 0x02, "\0in ", 4, "abcd");
    send_frame (fd, 0x89, "still here", 10, "efgh");
    send_frame (fd, 0x00, "", 0, "abcd");
    send_frame (fd, 0x80, "pieces", 6, "ijkl");
    expect ("fragments are put together", receives (server, "in pieces"));
    show_frame (fd);
    close (fd);
    /* As many pings as there may be, without reading an answer, and then a message. */
    fd = shaken_hands (endpoint);
    for (int i = 0; i < 20000; i++)
        send_frame (fd, 0x89, "0123456789", 10, "abcd");
    send_frame (fd, 0x82, "\0after", 6, "abcd");
    expect ("a message behind many pings", receives (server, "after"));
    close (fd);
    zmq_close (server);
}

static void requests_that_are_refused (void *context)
{
    static char long_request[100000], many_headers[100000];
    void *server = bound (context, ZMQ_DEALER);
    memset (long_request, 'a', sizeof long_request - 1);
    memcpy (long_request, "GET /", 5);
    strcpy (many_headers, GET);
    while (strlen (many_headers) < 15000)
        strcat (many_headers, "Sec-WebSocket-Protocol: ZWS2.0/NULL\r\n");
    strcat (many_headers, "\r\n");
    const char *const requests[] = {"\xff", "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\n:\r\n\r\n",
                                    long_request, many_headers};
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        const int fd = raw_connect (endpoint);
        /* It may be closed before all of it is written. */
        (void) !send (fd, requests[i], strlen (requests[i]), MSG_NOSIGNAL);
        expect ("a request is refused", ended (fd));
        close (fd);
    }
    zmq_close (server);
}

/* A server that answers with `response`, where KEY stands for what proves that it read the key. */
static void responses_that_are_refused (void *context)
{
    static const char *const responses[] = {
      "HTTP/1.1 404 Not Found\r\n\r\n",
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: x\r\nSec-WebSocket-Protocol: ZWS2.0\r\n\r\n",
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: x\r\nSec-WebSocket-Protocol: ZWS2.0/NULL\r\n"
      "Sec-WebSocket-Protocol: ZWS2.0/NULL\r\n\r\n",
      "\xff\0\0\0\0\0\0\0\1\x7f",
    };
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    const int listener = socket (AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind (listener, (struct sockaddr *) &address, length) < 0
        || listen (listener, 8) < 0 || getsockname (listener, (struct sockaddr *) &address, &length) < 0)
        give_up ("listen");
    for (size_t i = 0; i < sizeof responses / sizeof *responses; i++) {
        char where[64], request[4096];
        void *client = open_socket (context, ZMQ_DEALER);
        void *monitor = open_monitor (context, client, ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL);
        snprintf (where, sizeof where, "ws://127.0.0.1:%d", ntohs (address.sin_port));
        MUST (zmq_connect (client, where));
        const int fd = accept (listener, NULL, NULL);
        if (fd < 0 || read (fd, request, sizeof request) <= 0)
            give_up ("accept");
        raw_write (fd, responses[i], i < 4 ? strlen (responses[i]) : 10);
        expect ("a response is refused", await_event (monitor, ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL));
        expect ("and the connection ends", ended (fd));
        close (fd);
        close_monitor (client, monitor);
        zmq_close (client);
    }
    close (listener);
}

/* A peer that answers no ping is given up; one that says nothing at all after connecting, too. */
static void silence (void *context)
{
    void *server = open_socket (context, ZMQ_DEALER);
    size_t size = sizeof endpoint;
    MUST (set_int (server, ZMQ_HEARTBEAT_IVL, 20));
    MUST (set_int (server, ZMQ_HEARTBEAT_TIMEOUT, 50));
    MUST (set_int (server, ZMQ_HANDSHAKE_IVL, 50));
    MUST (zmq_bind (server, "ws://127.0.0.1:*"));
    MUST (zmq_getsockopt (server, ZMQ_LAST_ENDPOINT, endpoint, &size));
    int fd = upgraded (endpoint, "ZWS2.0");
    send_frame (fd, 0x82, "\0", 1, "abcd");
    expect ("pings without answer", ended (fd));
    close (fd);
    fd = raw_connect (endpoint);
    expect ("no request", ended (fd));
    close (fd);
    zmq_close (server);
}

/* A socket that closes tells its peer, behind what it still had to say. */
static void the_end_is_told (void *context)
{
    static const char farewell[] = "\x82\4\0bye\x88\2\3\xe9";
    char bytes[sizeof farewell - 1];
    void *server = bound (context, ZMQ_DEALER);
    const int fd = shaken_hands (endpoint);
    MUST (set_int (server, ZMQ_LINGER, -1));
    MUST (zmq_send (server, "bye", 3, 0));
    zmq_close (server);
    expect ("the last message, and the end",
            raw_read (fd, bytes, sizeof bytes) == sizeof bytes && memcmp (bytes, farewell, sizeof bytes) == 0);
    expect ("nothing behind it", ended (fd));
    close (fd);
}

int main (void)
{
    void *context = zmq_ctx_new ();
    frames_that_end_the_connection (context);
    fragments_and_pings (context);
    requests_that_are_refused (context);
    responses_that_are_refused (context);
    silence (context);
    the_end_is_told (context);
    MUST (zmq_ctx_term (context));
    still_works ();
    return verdict ();
}
