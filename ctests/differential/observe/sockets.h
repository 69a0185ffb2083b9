/* Sockets of a differential program: options, endpoints, waiting for events, messages. */
#ifndef SOCKETS_H
#define SOCKETS_H

#include "results.h"

/* ------------------------------------------------------------------ options */

static int integer_option (void *socket, int option)
{
    int value = -1;
    size_t size = sizeof value;
    return zmq_getsockopt (socket, option, &value, &size) == 0 ? value : -1;
}

static int set_int (void *socket, int option, int value)
{
    return zmq_setsockopt (socket, option, &value, sizeof value);
}

static int set_text (void *socket, int option, const char *value)
{
    return zmq_setsockopt (socket, option, value, strlen (value));
}

/* ------------------------------------------------------------------ sockets */

static long long now_ms (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void sleep_ms (int milliseconds)
{
    struct timespec pause = {milliseconds / 1000, (milliseconds % 1000) * 1000000L};
    while (nanosleep (&pause, &pause) == -1 && errno == EINTR) {
    }
}

/* A socket that never holds up the end of the program. */
static void *open_socket (void *context, int kind)
{
    void *socket = zmq_socket (context, kind);
    if (!socket) {
        printf ("zmq_socket FAILED with %s\n", errno_name (zmq_errno ()));
        exit (98);
    }
    MUST (set_int (socket, ZMQ_LINGER, 0));
    return socket;
}

static const char *kind_name (int kind)
{
    static const char *const names[] = {"PAIR",   "PUB",  "SUB",  "REQ",  "REP",  "DEALER",
                                        "ROUTER", "PULL", "PUSH", "XPUB", "XSUB", "STREAM",
                                        "SERVER", "CLIENT", "RADIO", "DISH", "GATHER", "SCATTER",
                                        "DGRAM", "PEER", "CHANNEL"};
    return kind >= 0 && kind < 21 ? names[kind] : "?";
}

/* Binds to a free TCP port and gives the endpoint to connect to. */
static const char *bind_tcp (void *socket, char *endpoint, size_t size)
{
    MUST (zmq_bind (socket, "tcp://127.0.0.1:*"));
    MUST (zmq_getsockopt (socket, ZMQ_LAST_ENDPOINT, endpoint, &size));
    return endpoint;
}
#define BIND_TCP(socket, buffer) bind_tcp ((socket), (buffer), sizeof (buffer))

/* An inproc name that no other socket of the program had: a closed one frees its name only later. */
static const char *inproc_name (char *endpoint, size_t size)
{
    static int number;
    snprintf (endpoint, size, "inproc://observe.%d", number++);
    return endpoint;
}
#define INPROC_NAME(buffer) inproc_name ((buffer), sizeof (buffer))

/*
 * A TCP port of our own, for connecting before anything listens there. The descriptor that holds it
 * stays open and never listens: so no other program is given the port, no connecting socket can take
 * it as its own end, and a library, which sets SO_REUSEADDR, can still bind to it.
 */
static int free_port (void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    const int on = 1;
    const int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0
        || bind (fd, (struct sockaddr *) &address, sizeof address) < 0
        || getsockname (fd, (struct sockaddr *) &address, &length) < 0)
        give_up ("free port");
    return ntohs (address.sin_port);
}

static const char *free_endpoint (char *endpoint, size_t size)
{
    snprintf (endpoint, size, "tcp://127.0.0.1:%d", free_port ());
    return endpoint;
}
#define FREE_ENDPOINT(buffer) free_endpoint ((buffer), sizeof (buffer))

static int port_of (const char *endpoint)
{
    return atoi (strrchr (endpoint, ':') + 1);
}

/* ------------------------------------------------------------------ events */

static const char *events_text (int events)
{
    static const char *const names[] = {"none", "IN", "OUT", "IN|OUT"};
    return events >= 0 && events < 4 ? names[events] : "?";
}

static void show_events (const char *label, void *socket)
{
    int events = -1;
    size_t size = sizeof events;
    const int rc = zmq_getsockopt (socket, ZMQ_EVENTS, &events, &size);
    if (rc == -1)
        printf ("%s events -> -1 %s\n", label, errno_name (zmq_errno ()));
    else
        printf ("%s events: %s\n", label, events_text (events));
}

/* A socket whose part needs its application too: looked at while another one is waited for. */
static void *attended;

/* Waits until the socket shows all these events. */
static int await_events (void *socket, int wanted)
{
    const long long end = now_ms () + PATIENCE_MS;
    for (;;) {
        int events = 0;
        size_t size = sizeof events;
        if (attended)
            integer_option (attended, ZMQ_EVENTS);
        if (zmq_getsockopt (socket, ZMQ_EVENTS, &events, &size) == -1)
            return 0;
        if ((events & wanted) == wanted)
            return 1;
        if (now_ms () > end) {
            printf ("WAITED IN VAIN for %s\n", events_text (wanted));
            return 0;
        }
        sleep_ms (1);
    }
}

/* Waits until the socket no longer shows any of these events. */
static int await_no_events (void *socket, int unwanted)
{
    const long long end = now_ms () + PATIENCE_MS;
    for (;;) {
        int events = 0;
        size_t size = sizeof events;
        if (zmq_getsockopt (socket, ZMQ_EVENTS, &events, &size) == -1)
            return 0;
        if ((events & unwanted) == 0)
            return 1;
        if (now_ms () > end) {
            printf ("WAITED IN VAIN for the end of %s\n", events_text (unwanted));
            return 0;
        }
        sleep_ms (1);
    }
}

/* ------------------------------------------------------------------ sending and receiving */

static int send_text (void *socket, const char *text, int flags)
{
    return zmq_send (socket, text, strlen (text), flags);
}

/* Sends the parts up to a NULL as one message; the first failure ends it. */
static int send_parts (void *socket, ...)
{
    va_list parts;
    va_start (parts, socket);
    const char *part = va_arg (parts, const char *);
    int rc = 0;
    while (part && rc != -1) {
        const char *next = va_arg (parts, const char *);
        rc = send_text (socket, part, next ? ZMQ_SNDMORE : 0);
        part = next;
    }
    va_end (parts);
    return rc;
}

/* Prints the next whole message, which must come. Generated routing ids become [ID]. */
static void show_message (const char *label, void *socket)
{
    int more = 1;
    printf ("%s: ", label);
    if (!await_events (socket, ZMQ_POLLIN))
        return;
    while (more) {
        zmq_msg_t part;
        zmq_msg_init (&part);
        if (zmq_msg_recv (&part, socket, ZMQ_DONTWAIT) == -1) {
            printf ("FAILED with %s", errno_name (zmq_errno ()));
            zmq_msg_close (&part);
            break;
        }
        const unsigned char *bytes = zmq_msg_data (&part);
        if (zmq_msg_size (&part) == 5 && bytes[0] == 0)
            printf ("[ID]");
        else
            print_bytes (bytes, zmq_msg_size (&part));
        more = zmq_msg_more (&part);
        zmq_msg_close (&part);
    }
    printf ("\n");
}

static int compare_texts (const void *a, const void *b)
{
    return strcmp (a, b);
}

/* Prints so many messages of one part in alphabetical order, where their own order is not defined. */
static void show_messages_sorted (const char *label, void *socket, int count)
{
    char texts[16][64];
    int got = 0;
    memset (texts, 0, sizeof texts);
    while (got < count && got < 16 && await_events (socket, ZMQ_POLLIN)) {
        char *text = texts[got++];
        const int size = zmq_recv (socket, text, sizeof texts[0] - 1, ZMQ_DONTWAIT);
        for (int i = 0; i < size; i++)
            if (!isprint ((unsigned char) text[i]))
                text[i] = (char) ('0' + text[i]);
    }
    qsort (texts, (size_t) got, sizeof texts[0], compare_texts);
    for (int i = 0; i < got; i++)
        printf ("%s: [%s]\n", label, texts[i]);
}

/* Says whether a message comes although none should; a wake-up without one does not count. */
static void show_silence (const char *label, void *socket)
{
    const long long end = now_ms () + QUIET_MS;
    zmq_pollitem_t item = {socket, 0, ZMQ_POLLIN, 0};
    for (long long now = now_ms (); now < end; now = now_ms ()) {
        zmq_msg_t part;
        if (zmq_poll (&item, 1, (long) (end - now)) <= 0)
            continue;
        zmq_msg_init (&part);
        if (zmq_msg_recv (&part, socket, ZMQ_DONTWAIT) != -1) {
            printf ("%s: UNEXPECTED ", label);
            print_bytes (zmq_msg_data (&part), zmq_msg_size (&part));
            printf ("\n");
            zmq_msg_close (&part);
            return;
        }
        zmq_msg_close (&part);
        sleep_ms (1);
    }
    printf ("%s: silent\n", label);
}

/* Receives and drops all there is, and gives the number of whole messages. */
static int drain (void *socket)
{
    int messages = 0;
    char byte;
    while (zmq_recv (socket, &byte, 1, ZMQ_DONTWAIT) != -1)
        if (!integer_option (socket, ZMQ_RCVMORE))
            messages++;
    return messages;
}

#endif
