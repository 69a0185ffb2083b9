/* Connections per second that a REP socket accepts, each with a handshake, a request and its answer.

   The clients are plain descriptors that say what a REQ socket says, in as few calls as that takes, so
   that the work is the server's: one thread keeps some connections under way and starts a new one for
   each that has its answer. */
#include "rounds.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static void server (void *context)
{
    void *socket = open_socket (context, ZMQ_REP);
    char payload[16];
    set_int (socket, ZMQ_BACKLOG, 1024);
    bind_server (socket);
    while (go_on ()) {
        const int size = zmq_recv (socket, payload, sizeof payload, 0);
        if (size == -1 && zmq_errno () != EAGAIN)
            fail ("receive");
        if (size != -1)
            CHECK (zmq_send (socket, payload, size, 0));
    }
    leave ();
    zmq_close (socket);
}

/* A greeting of ZMTP 3.0 without security, and the handshake behind it. */
enum { GREETING = 64 };
static const char handshake[] = "\x04\x19\x05READY\x0bSocket-Type\0\0\0\3REQ";
static char opening[GREETING + sizeof handshake - 1] = "\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL";
/* An empty part and a body of one byte; the answer is the same. */
static const char request[] = "\1\0\0\1?";

struct connection
{
    int descriptor;
    int asked;
    size_t size;
    char bytes[512];
};

static struct sockaddr_in address;
static int waiting;

static void write_all (int descriptor, const char *bytes, size_t size)
{
    if (send (descriptor, bytes, size, MSG_NOSIGNAL) != (ssize_t) size)
        fail ("send");
}

static void begin (struct connection *connection)
{
    const int descriptor = socket (AF_INET, SOCK_STREAM, 0);
    if (descriptor == -1 || connect (descriptor, (struct sockaddr *) &address, sizeof address) == -1)
        fail ("connect");
    *connection = (struct connection){.descriptor = descriptor};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl (waiting, EPOLL_CTL_ADD, descriptor, &event) == -1)
        fail ("epoll_ctl");
    write_all (descriptor, opening, sizeof opening);
}

/* A connection that was answered is reset, so that no port waits for its end. */
static void end (struct connection *connection)
{
    const struct linger at_once = {1, 0};
    setsockopt (connection->descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close (connection->descriptor);
}

/* The server's READY is one command behind its greeting. */
static int is_ready (const struct connection *connection)
{
    const size_t header = GREETING + 2;
    return connection->size >= header
           && connection->size >= header + (unsigned char) connection->bytes[header - 1];
}

static int is_answered (const struct connection *connection)
{
    const size_t size = sizeof request - 1;
    return connection->asked && connection->size >= size
           && memcmp (connection->bytes + connection->size - size, request, size) == 0;
}

/* True when the answer is there. */
static int go_on_with (struct connection *connection)
{
    char *free_bytes = connection->bytes + connection->size;
    const ssize_t got = recv (connection->descriptor, free_bytes,
                              sizeof connection->bytes - connection->size, 0);
    if (got <= 0) {
        fprintf (stderr, "the server closed a connection\n");
        exit (1);
    }
    connection->size += got;
    if (!connection->asked && is_ready (connection)) {
        connection->asked = 1;
        write_all (connection->descriptor, request, sizeof request - 1);
    }
    return is_answered (connection);
}

/* Begins again for each connection that has its answer. */
static int64_t connect_round (void)
{
    struct epoll_event events[64];
    const int count = epoll_wait (waiting, events, 64, 100);
    int64_t answered = 0;
    for (int i = 0; i < count; i++) {
        struct connection *connection = events[i].data.ptr;
        if (go_on_with (connection)) {
            end (connection);
            begin (connection);
            answered++;
        }
    }
    return answered;
}

static void clients (void *context)
{
    (void) context;
    waiting = epoll_create1 (0);
    memcpy (opening + GREETING, handshake, sizeof handshake - 1);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
    address.sin_port = htons (atoi (strrchr (endpoint_of (0), ':') + 1));
    struct connection *connections = calloc (options.count, sizeof *connections);
    for (int i = 0; i < options.count; i++)
        begin (&connections[i]);
    const struct measured measured = measure_rounds (connect_round);
    await_others ();
    print_measured (&measured);
    for (int i = 0; i < options.count; i++)
        end (&connections[i]);
    free (connections);
}

int main (int argc, char **argv)
{
    options.count = 32;
    read_options (argc, argv);
    run_sides (clients, server, NULL);
    return 0;
}
