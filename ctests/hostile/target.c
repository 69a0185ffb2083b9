/*
 * A program under attack, and the honest one beside it.
 *
 *     target serve KIND bind|connect ENDPOINT [server=M|silent=M|leaving=M|client=M] [OPTION=N]...
 *     target call ENDPOINT SECONDS [client=M] [properties=N] [property=SIZE]
 *
 * `serve` prints its endpoint, sends back what a ROUTER receives and counts what others do. Lines on
 * `silent` has a ZAP handler that never answers, `leaving` one that closes when it was asked, and
 * another after it. Lines on
 * its standard input: `memory` prints the resident kilobytes, `received` the count, `send` sends a
 * message. It ends with its standard input, and prints DONE.
 *
 * `call` is a DEALER that sends requests to the ROUTER, several at a time, and prints how many were
 * answered in a second. With properties it tells the server a lot about itself.
 */
#define ZMQ_BUILD_DRAFT_API
/* The peers of the interoperation tests do more than is wanted here. */
#pragma GCC diagnostic ignored "-Wunused-function"
#include "../interop/security.h"

#include <poll.h>
#include <sys/resource.h>
#include <time.h>

enum { WINDOW_OF_CALLS = 32, CALL_SIZE = 100, LINE = 64 };

static struct peer peer;
static uint64_t received;

static double seconds (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec + 1e-9 * (double) now.tv_nsec;
}

static long resident_kilobytes (void)
{
    long pages = 0, unused = 0;
    FILE *file = fopen ("/proc/self/statm", "r");
    if (!file || fscanf (file, "%ld %ld", &unused, &pages) != 2)
        fail ("no statm");
    fclose (file);
    return pages * (sysconf (_SC_PAGESIZE) / 1024);
}

static int value_of (const char *argument, const char *name)
{
    const size_t length = strlen (name);
    return strncmp (argument, name, length) == 0 && argument[length] == '=' ? atoi (argument + length + 1) : -1;
}

/* ------------------------------------------------------------------ the program under attack */

static int kind_of (const char *name)
{
    static const char *const names[] = {"pair", "pub", "sub", "req", "rep", "dealer", "router", "pull", "push", "xpub", "xsub", "stream"};
    for (int kind = 0; kind < 12; kind++)
        if (strcmp (name, names[kind]) == 0)
            return kind;
    fail ("no such kind: %s", name);
    return -1;
}

/* Who is asked and never answers. */
static void open_silent_zap (void)
{
    void *handler = zmq_socket (peer.context, ZMQ_ROUTER);
    check (zmq_bind (handler, "inproc://zeromq.zap.01"), "zmq_bind to ZAP");
    /* It stays open as long as the context. */
    peer.body = handler;
}

/* Closes with a question unanswered; the next one answers. */
static void *leave_zap (void *handler)
{
    char part[256];
    if (zmq_recv (handler, part, sizeof part, 0) == -1) {
        zmq_close (handler);
        return NULL;
    }
    zmq_close (handler);
    return handle_zap (open_zap (peer.context));
}

static void open_leaving_zap (void)
{
    pthread_t thread;
    if (pthread_create (&thread, NULL, leave_zap, open_zap (peer.context)) != 0)
        fail ("no thread");
    pthread_detach (thread);
}

static void take_messages (void)
{
    for (;;) {
        zmq_msg_t parts[16];
        int count = 0, more = 1;
        while (more && count < 16) {
            zmq_msg_init (&parts[count]);
            if (zmq_msg_recv (&parts[count], peer.socket, ZMQ_DONTWAIT) == -1) {
                zmq_msg_close (&parts[count]);
                break;
            }
            more = zmq_msg_more (&parts[count++]);
        }
        if (count == 0)
            return;
        received++;
        for (int i = 0; i < count; i++) {
            const int flags = ZMQ_DONTWAIT | (i + 1 < count ? ZMQ_SNDMORE : 0);
            if (peer.kind != ZMQ_ROUTER || zmq_msg_send (&parts[i], peer.socket, flags) == -1)
                zmq_msg_close (&parts[i]);
        }
    }
}

/* False at the end of the input. */
static int obey (void)
{
    char line[LINE];
    if (!fgets (line, sizeof line, stdin))
        return 0;
    if (strcmp (line, "memory\n") == 0)
        report ("MEMORY %ld", resident_kilobytes ());
    else if (strcmp (line, "received\n") == 0)
        report ("RECEIVED %llu", (unsigned long long) received);
    else if (strcmp (line, "send\n") == 0)
        check (zmq_send (peer.socket, "message", 7, ZMQ_DONTWAIT), "zmq_send");
    return 1;
}

static void serve (void)
{
    const int reads = peer.kind != ZMQ_PUB && peer.kind != ZMQ_XPUB && peer.kind != ZMQ_PUSH;
    zmq_pollitem_t items[] = {{NULL, 0, ZMQ_POLLIN, 0}, {peer.socket, 0, ZMQ_POLLIN, 0}};
    setvbuf (stdin, NULL, _IONBF, 0);
    for (;;) {
        if (zmq_poll (items, reads ? 2 : 1, 20) == -1)
            fail ("zmq_poll: %s", zmq_strerror (zmq_errno ()));
        if (items[0].revents && !obey ())
            return;
        if (reads)
            take_messages ();
        if (peer.kind == ZMQ_PUB || peer.kind == ZMQ_XPUB)
            zmq_send (peer.socket, "tick", 4, ZMQ_DONTWAIT);
    }
}

static void configure (const char *argument)
{
    static const struct {
        const char *name;
        int option;
    } numbers[] = {{"handshake_ivl", ZMQ_HANDSHAKE_IVL}, {"reconnect_ivl", ZMQ_RECONNECT_IVL}, {"backlog", ZMQ_BACKLOG}};
    if (strncmp (argument, "server=", 7) == 0)
        be_server (&peer, argument + 7);
    else if (strncmp (argument, "client=", 7) == 0)
        be_client (&peer, argument + 7);
    else if (strncmp (argument, "silent=", 7) == 0) {
        serve_mechanism (&peer, argument + 7);
        open_silent_zap ();
    } else if (strncmp (argument, "leaving=", 8) == 0) {
        serve_mechanism (&peer, argument + 8);
        open_leaving_zap ();
    } else if (value_of (argument, "descriptors") > 0) {
        const struct rlimit limit = {(rlim_t) value_of (argument, "descriptors"), (rlim_t) value_of (argument, "descriptors")};
        if (setrlimit (RLIMIT_NOFILE, &limit) == -1)
            fail ("setrlimit");
    } else
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
            if (value_of (argument, numbers[i].name) >= 0)
                set_int (&peer, numbers[i].option, value_of (argument, numbers[i].name));
    peer.authenticates = 0;
}

/* ------------------------------------------------------------------ the honest one */

static void tell_much (int count, int size)
{
    char *property = malloc ((size_t) size + 32);
    for (int i = 0; i < count; i++) {
        const int head = sprintf (property, "X-%d:", i);
        memset (property + head, 'v', (size_t) size);
        check (zmq_setsockopt (peer.socket, ZMQ_METADATA, property, (size_t) (head + size)), "ZMQ_METADATA");
    }
    free (property);
}

static void call (double duration)
{
    char body[CALL_SIZE] = "call";
    uint64_t answered = 0, sent = 0;
    double begun = 0, end = seconds () + 20;
    set_int (&peer, ZMQ_RCVTIMEO, 20);
    for (;;) {
        while (sent < answered + WINDOW_OF_CALLS && zmq_send (peer.socket, body, sizeof body, ZMQ_DONTWAIT) != -1)
            sent++;
        if (zmq_recv (peer.socket, body, sizeof body, 0) == CALL_SIZE && ++answered == 1) {
            begun = seconds ();
            end = begun + duration;
        }
        if (seconds () > end)
            break;
    }
    if (answered == 0)
        fail ("no answer");
    report ("RATE %.0f", (double) answered / (seconds () - begun));
}

int main (int argc, char **argv)
{
    if (argc < 4)
        fail ("usage: target serve|call ...");
    const int serves = strcmp (argv[1], "serve") == 0;
    peer.context = zmq_ctx_new ();
    peer.kind = serves ? kind_of (argv[2]) : ZMQ_DEALER;
    peer.socket = zmq_socket (peer.context, peer.kind);
    if (!peer.socket)
        fail ("no socket");
    set_int (&peer, ZMQ_LINGER, 0);
    int properties = 0, size = 0;
    for (int i = serves ? 5 : 4; i < argc; i++) {
        if (value_of (argv[i], "properties") > 0)
            properties = value_of (argv[i], "properties");
        else if (value_of (argv[i], "property") > 0)
            size = value_of (argv[i], "property");
        else
            configure (argv[i]);
    }
    tell_much (properties, size);
    if (!serves) {
        check (zmq_connect (peer.socket, argv[2]), "zmq_connect");
        call (atof (argv[3]));
    } else {
        if (peer.kind == ZMQ_SUB)
            check (zmq_setsockopt (peer.socket, ZMQ_SUBSCRIBE, "", 0), "ZMQ_SUBSCRIBE");
        if (strcmp (argv[3], "bind") == 0)
            check (zmq_bind (peer.socket, argv[4]), "zmq_bind");
        else
            check (zmq_connect (peer.socket, argv[4]), "zmq_connect");
        char endpoint[256];
        size_t room = sizeof endpoint;
        check (zmq_getsockopt (peer.socket, ZMQ_LAST_ENDPOINT, endpoint, &room), "ZMQ_LAST_ENDPOINT");
        report ("ENDPOINT %s", endpoint);
        serve ();
    }
    if (peer.body)
        zmq_close (peer.body);
    check (zmq_close (peer.socket), "zmq_close");
    check (zmq_ctx_term (peer.context), "zmq_ctx_term");
    report ("DONE");
    return 0;
}
