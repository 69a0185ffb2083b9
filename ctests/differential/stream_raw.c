/* STREAM: plain TCP peers, the empty messages that mark connections, sending, closing, errors. */
#include "observe.h"

static unsigned char id[64];
static char endpoint[128];

/* Receives one message of two parts: the id, kept, and the bytes, printed. */
static void show_stretch (const char *label, void *stream)
{
    char bytes[256];
    printf ("%s: ", label);
    if (!await_events (stream, ZMQ_POLLIN))
        return;
    const int id_size = zmq_recv (stream, id, sizeof id, 0);
    printf ("id of %d bytes, first %d, more %d ", id_size, id[0], integer_option (stream, ZMQ_RCVMORE));
    const int size = zmq_recv (stream, bytes, sizeof bytes, 0);
    if (size >= 0)
        print_bytes (bytes, (size_t) size);
    printf (" more %d\n", integer_option (stream, ZMQ_RCVMORE));
}

static void show_raw (const char *label, int fd, size_t size)
{
    char bytes[256];
    printf ("%s: ", label);
    print_bytes (bytes, raw_read (fd, bytes, size));
    printf ("\n");
}

static void server (void *context)
{
    section ("STREAM as a server");
    void *s = open_socket (context, ZMQ_STREAM);
    BIND_TCP (s, endpoint);
    int fd = raw_connect (endpoint);
    show_stretch ("connected", s);
    show_events ("STREAM", s);
    raw_write (fd, "request", 7);
    show_stretch ("data", s);
    MUST (zmq_send (s, id, 5, ZMQ_SNDMORE));
    show_events ("after the id", s);
    MUST (send_text (s, "answer", ZMQ_SNDMORE));
    show_raw ("client", fd, 6);
    MUST (zmq_send (s, id, 5, ZMQ_SNDMORE));
    MUST (send_text (s, " without more", 0));
    show_raw ("client", fd, 13);

    section ("errors");
    SHOW (zmq_send (s, "nobody", 6, ZMQ_SNDMORE));
    SHOW (zmq_send (s, "", 0, ZMQ_SNDMORE));
    SHOW (zmq_send (s, "an id without more", 18, 0));
    SHOW (zmq_send (s, "its dropped bytes", 17, 0));
    show_events ("STREAM", s);

    section ("the client closes");
    close (fd);
    show_stretch ("disconnected", s);
    show_silence ("STREAM", s);
    int error = 0;
    while (error != EHOSTUNREACH) {
        await_events (s, 0);
        error = zmq_send (s, id, 5, ZMQ_SNDMORE | ZMQ_DONTWAIT) == -1 ? zmq_errno () : 0;
        if (error == 0)
            MUST (send_text (s, "late", 0));
        sleep_ms (1);
    }
    printf ("sending to the closed: %s\n", errno_name (error));

    section ("the server closes one connection with an empty message");
    fd = raw_connect (endpoint);
    show_stretch ("connected", s);
    const int other = raw_connect (endpoint);
    unsigned char first[5];
    memcpy (first, id, 5);
    show_stretch ("another", s);
    SHOW (memcmp (first, id, 5) != 0);
    MUST (zmq_send (s, first, 5, ZMQ_SNDMORE));
    MUST (zmq_send (s, "", 0, 0));
    attended = s;
    show_raw ("closed client", fd, 1);
    attended = NULL;
    MUST (zmq_send (s, id, 5, ZMQ_SNDMORE));
    MUST (send_text (s, "still here", 0));
    show_raw ("other client", other, 10);
    close (fd);
    close (other);
    show_stretch ("disconnected", s);
    zmq_close (s);
}

static void client (void *context)
{
    section ("STREAM as a client of another STREAM");
    void *server = open_socket (context, ZMQ_STREAM);
    void *client = open_socket (context, ZMQ_STREAM);
    BIND_TCP (server, endpoint);
    MUST (zmq_connect (client, endpoint));
    show_stretch ("client connected", client);
    unsigned char at_client[5];
    memcpy (at_client, id, 5);
    size_t size = sizeof id;
    SHOW (zmq_getsockopt (client, ZMQ_ROUTING_ID, id, &size));
    SHOW (size);
    SHOW (memcmp (id, at_client, 5));
    show_stretch ("server connected", server);
    unsigned char at_server[5];
    memcpy (at_server, id, 5);
    MUST (zmq_send (client, at_client, 5, ZMQ_SNDMORE));
    MUST (send_text (client, "to server", 0));
    show_stretch ("server", server);
    MUST (zmq_send (server, at_server, 5, ZMQ_SNDMORE));
    MUST (send_text (server, "to client", 0));
    show_stretch ("client", client);
    MUST (zmq_send (client, at_client, 5, ZMQ_SNDMORE));
    MUST (zmq_send (client, "", 0, 0));
    attended = client;
    show_stretch ("server disconnected", server);
    attended = NULL;
    zmq_close (client);
    zmq_close (server);

    section ("CONNECT_ROUTING_ID");
    server = open_socket (context, ZMQ_STREAM);
    client = open_socket (context, ZMQ_STREAM);
    BIND_TCP (server, endpoint);
    SHOW (set_text (client, ZMQ_CONNECT_ROUTING_ID, "chosen"));
    MUST (zmq_connect (client, endpoint));
    show_stretch ("client connected", client);
    show_stretch ("server connected", server);
    MUST (send_text (client, "chosen", ZMQ_SNDMORE));
    MUST (send_text (client, "hello", 0));
    show_stretch ("server", server);
    zmq_close (client);
    show_stretch ("server disconnected", server);
    zmq_close (server);
}

static void silent (void *context)
{
    section ("STREAM_NOTIFY 0");
    void *s = open_socket (context, ZMQ_STREAM);
    for (int value = -1; value <= 2; value++)
        printf ("value %d: %d\n", value, set_int (s, ZMQ_STREAM_NOTIFY, value));
    SHOW (set_int (s, ZMQ_STREAM_NOTIFY, 0));
    BIND_TCP (s, endpoint);
    const int fd = raw_connect (endpoint);
    raw_write (fd, "first", 5);
    show_stretch ("data", s);
    close (fd);
    show_silence ("STREAM", s);
    zmq_close (s);
}

static void transports (void *context)
{
    section ("other transports");
    void *s = open_socket (context, ZMQ_STREAM);
    SHOW (zmq_bind (s, "ipc://stream.socket"));
    SHOW (zmq_connect (s, "ipc://nobody.socket"));
    zmq_close (s);
}

static void metadata (void *context)
{
    section ("metadata");
    void *s = open_socket (context, ZMQ_STREAM);
    zmq_msg_t part;
    BIND_TCP (s, endpoint);
    const int fd = raw_connect (endpoint);
    raw_write (fd, "x", 1);
    for (int i = 0; i < 4; i++) {
        zmq_msg_init (&part);
        await_events (s, ZMQ_POLLIN);
        SHOW (zmq_msg_recv (&part, s, 0));
        const char *peer = zmq_msg_gets (&part, "Peer-Address");
        printf ("Peer-Address %s, Socket-Type %s, fd %s\n", peer ? peer : "-",
                zmq_msg_gets (&part, "Socket-Type") ? "some" : "-", zmq_msg_get (&part, ZMQ_SRCFD) > 0 ? "yes" : "no");
        zmq_msg_close (&part);
    }
    close (fd);
    zmq_close (s);
}

/* No stretch is longer than what one call to the system may bring. */
static void stretches (void *context, int most)
{
    enum { SENT = 60000 };
    static char bytes[SENT];
    section ("stretches of %d bytes at most", most);
    void *s = open_socket (context, ZMQ_STREAM);
    SHOW (set_int (s, ZMQ_STREAM_NOTIFY, 0));
    if (most != 8192)
        SHOW (set_int (s, ZMQ_IN_BATCH_SIZE, most));
    BIND_TCP (s, endpoint);
    const int fd = raw_connect (endpoint);
    memset (bytes, 'b', sizeof bytes);
    const int sent = most < 1000 ? most * 10 : SENT;
    raw_write (fd, bytes, (size_t) sent);
    int received = 0, longest = 0;
    while (received < sent && await_events (s, ZMQ_POLLIN)) {
        MUST (zmq_recv (s, id, sizeof id, 0));
        const int size = zmq_recv (s, bytes, 1, 0);
        received += size;
        longest = size > longest ? size : longest;
    }
    printf ("%d bytes, none longer: %d\n", received, longest <= most);
    close (fd);
    zmq_close (s);
}

/* A ROUTER in raw mode is the older form of the same. */
static void raw_router (void *context)
{
    section ("ROUTER_RAW");
    void *s = open_socket (context, ZMQ_ROUTER);
    SHOW (set_int (s, ZMQ_ROUTER_RAW, 1));
    BIND_TCP (s, endpoint);
    const int fd = raw_connect (endpoint);
    raw_write (fd, "request", 7);
    show_stretch ("data", s);
    MUST (zmq_send (s, id, 5, ZMQ_SNDMORE));
    MUST (send_text (s, "answer", ZMQ_SNDMORE));
    show_raw ("client", fd, 6);
    MUST (zmq_send (s, id, 5, ZMQ_SNDMORE));
    MUST (zmq_send (s, "", 0, 0));
    attended = s;
    show_raw ("closed client", fd, 1);
    attended = NULL;
    close (fd);
    zmq_close (s);
}

int main (void)
{
    void *context = zmq_ctx_new ();
    server (context);
    client (context);
    silent (context);
    transports (context);
    metadata (context);
    raw_router (context);
    static const int most[] = {1, 100, 8192, 20000};
    for (size_t i = 0; i < sizeof most / sizeof *most; i++)
        stretches (context, most[i]);
    SHOW (zmq_ctx_term (context));
    return 0;
}
