/*
 * What every differential program shares: calling a function and printing what came of it.
 *
 * A differential program runs once on the original libzmq and once on ours; the two outputs must
 * be the same. So nothing that varies between two runs may be printed: ports are masked, generated
 * routing ids are masked, and every step waits for the state it needs instead of for time to pass.
 * Only "nothing happens" is waited for with a clock, and there a longer wait changes nothing.
 */
#ifndef OBSERVE_H
#define OBSERVE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#ifndef ZMQ_BUILD_DRAFT_API
#define ZMQ_BUILD_DRAFT_API
#endif

#include <zmq.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#if defined __GNUC__
#pragma GCC diagnostic ignored "-Wunused-function"
#endif

/* How long to wait for what must happen; only reached when a library fails. */
#define PATIENCE_MS 10000
/* How long to watch that nothing happens. */
#define QUIET_MS 60

/* What was printed before a crash or a time limit must reach the runner. */
__attribute__ ((constructor)) static void print_at_once (void)
{
    setvbuf (stdout, NULL, _IOLBF, 0);
}

/* ------------------------------------------------------------------ results */

static const char *errno_name (int number)
{
    static char other[32];
    switch (number) {
        case 0:
            return "-";
#define NAME(x)                                                                                    \
    case x:                                                                                        \
        return #x;
            NAME (EAGAIN)
            NAME (EINVAL)
            NAME (EFAULT)
            NAME (EINTR)
            NAME (ENOMEM)
            NAME (EMFILE)
            NAME (ENODEV)
            NAME (ENOENT)
            NAME (ENOTDIR)
            NAME (EISDIR)
            NAME (EBUSY)
            NAME (EPERM)
            NAME (EACCES)
            NAME (EBADF)
            NAME (EPIPE)
            NAME (ENOTSUP)
            NAME (ENOTSOCK)
            NAME (EPROTO)
            NAME (EPROTONOSUPPORT)
            NAME (ENOBUFS)
            NAME (ENETDOWN)
            NAME (ENETUNREACH)
            NAME (EADDRINUSE)
            NAME (EADDRNOTAVAIL)
            NAME (ECONNREFUSED)
            NAME (ECONNRESET)
            NAME (ECONNABORTED)
            NAME (EINPROGRESS)
            NAME (EMSGSIZE)
            NAME (EAFNOSUPPORT)
            NAME (ENOTCONN)
            NAME (ETIMEDOUT)
            NAME (EHOSTUNREACH)
            NAME (ENETRESET)
            NAME (ENAMETOOLONG)
            NAME (ENOPROTOOPT)
            NAME (ENOSYS)
            NAME (ENXIO)
            NAME (EFSM)
            NAME (ENOCOMPATPROTO)
            NAME (ETERM)
            NAME (EMTHREAD)
#undef NAME
        default:
            snprintf (other, sizeof other, "errno %d", number);
            return other;
    }
}

/* A heading between groups of observations. */
static void section (const char *format, ...)
{
    va_list arguments;
    printf ("== ");
    va_start (arguments, format);
    vprintf (format, arguments);
    va_end (arguments);
    printf ("\n");
}

/* The machine (not the library) refused something the program needs. */
static void give_up (const char *what)
{
    printf ("CANNOT GO ON: %s: %s\n", what, strerror (errno));
    exit (99);
}

/* Prints a call's text, its result and, where it failed, its errno. */
#define SHOW(call)                                                                                 \
    do {                                                                                           \
        errno = 0;                                                                                 \
        const long shown = (long) (call);                                                          \
        const int shown_errno = zmq_errno ();                                                      \
        printf ("%s -> %ld%s%s\n", #call, shown, shown == -1 ? " " : "",                           \
                shown == -1 ? errno_name (shown_errno) : "");                                      \
    } while (0)

/* The same for calls that return a pointer. */
#define SHOW_POINTER(call)                                                                         \
    do {                                                                                           \
        errno = 0;                                                                                 \
        const void *shown = (call);                                                                \
        const int shown_errno = zmq_errno ();                                                      \
        printf ("%s -> %s%s\n", #call, shown ? "something" : "NULL ",                              \
                shown ? "" : errno_name (shown_errno));                                            \
    } while (0)

/* A step that must work for the rest to make sense. */
#define MUST(call)                                                                                 \
    do {                                                                                           \
        errno = 0;                                                                                 \
        if ((call) == -1) {                                                                        \
            printf ("%s FAILED with %s (line %d)\n", #call, errno_name (zmq_errno ()), __LINE__);  \
            exit (98);                                                                             \
        }                                                                                          \
    } while (0)

/* ------------------------------------------------------------------ bytes */

/* Bytes as text: runs of one long repeated character are shortened, the rest is escaped. */
static void print_bytes (const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    size_t i = 0;
    printf ("[");
    while (i < size) {
        size_t run = 1;
        while (i + run < size && at[i + run] == at[i])
            run++;
        const size_t times = run > 8 ? 1 : run;
        for (size_t k = 0; k < times; k++) {
            if (isprint (at[i]) && at[i] != '\\')
                putchar (at[i]);
            else
                printf ("\\x%02x", at[i]);
        }
        if (run > 8)
            printf ("{%zu}", run);
        i += run;
    }
    printf ("]");
}

/* Every run of digits behind the last ':' becomes PORT. */
static const char *mask_port (const char *endpoint)
{
    static char masked[4][512];
    static int turn;
    char *out = masked[turn = (turn + 1) % 4];
    const char *colon = strrchr (endpoint, ':');
    if (!colon || !isdigit ((unsigned char) colon[1]))
        snprintf (out, 512, "%s", endpoint);
    else
        snprintf (out, 512, "%.*s:PORT", (int) (colon - endpoint), endpoint);
    return out;
}

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
                                        "ROUTER", "PULL", "PUSH", "XPUB", "XSUB", "STREAM"};
    return kind >= 0 && kind < 12 ? names[kind] : "?";
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

/* ------------------------------------------------------------------ monitors */

static const char *event_name (uint64_t event)
{
    switch (event) {
#define NAME(x)                                                                                    \
    case ZMQ_EVENT_##x:                                                                            \
        return #x;
        NAME (CONNECTED)
        NAME (CONNECT_DELAYED)
        NAME (CONNECT_RETRIED)
        NAME (LISTENING)
        NAME (BIND_FAILED)
        NAME (ACCEPTED)
        NAME (ACCEPT_FAILED)
        NAME (CLOSED)
        NAME (CLOSE_FAILED)
        NAME (DISCONNECTED)
        NAME (MONITOR_STOPPED)
        NAME (HANDSHAKE_FAILED_NO_DETAIL)
        NAME (HANDSHAKE_SUCCEEDED)
        NAME (HANDSHAKE_FAILED_PROTOCOL)
        NAME (HANDSHAKE_FAILED_AUTH)
        NAME (PIPES_STATS)
#undef NAME
        default:
            return "?";
    }
}

/* Starts a monitor and connects to it. */
static void *open_monitor (void *context, void *socket, int events)
{
    static int number;
    char endpoint[64];
    snprintf (endpoint, sizeof endpoint, "inproc://observe.monitor.%d", number++);
    MUST (zmq_socket_monitor (socket, endpoint, events));
    void *monitor = open_socket (context, ZMQ_PAIR);
    MUST (zmq_connect (monitor, endpoint));
    return monitor;
}

/*
 * Ends a monitor. The monitored socket is told first: the original's I/O thread would wait for ever
 * for room in a monitor that nobody reads any more.
 */
static void close_monitor (void *socket, void *monitor)
{
    MUST (zmq_socket_monitor (socket, NULL, 0));
    zmq_close (monitor);
}

/* Takes the next event of a version 1 monitor; 0 when none comes in time. */
static int next_event (void *monitor, int timeout, uint32_t *value, char *address, size_t size)
{
    zmq_pollitem_t item = {monitor, 0, ZMQ_POLLIN, 0};
    unsigned char first[6];
    uint16_t event;
    if (zmq_poll (&item, 1, timeout) <= 0)
        return 0;
    if (zmq_recv (monitor, first, sizeof first, 0) != (int) sizeof first)
        return 0;
    memcpy (&event, first, sizeof event);
    if (value)
        memcpy (value, first + 2, sizeof *value);
    char unused[512];
    if (!address) {
        address = unused;
        size = sizeof unused;
    }
    const int length = zmq_recv (monitor, address, size - 1, 0);
    address[length < 0 ? 0 : length >= (int) size ? (int) size - 1 : length] = 0;
    return event;
}

/* Reads events silently until this one comes. */
static int await_event (void *monitor, int wanted)
{
    const long long end = now_ms () + PATIENCE_MS;
    while (now_ms () < end) {
        const int event = next_event (monitor, PATIENCE_MS, NULL, NULL, 0);
        if (event == wanted)
            return 1;
        if (event == 0)
            break;
    }
    printf ("WAITED IN VAIN for %s\n", event_name ((uint64_t) wanted));
    return 0;
}

/* ------------------------------------------------------------------ raw peers */

/* A plain TCP connection to a tcp:// endpoint on the loopback. */
static int raw_connect (const char *endpoint)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl (INADDR_LOOPBACK),
                                  .sin_port = htons ((uint16_t) port_of (endpoint))};
    const int fd = socket (AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect (fd, (struct sockaddr *) &address, sizeof address) < 0)
        give_up ("raw connect");
    return fd;
}

/* Reads exactly so many bytes, fewer only at the end of the stream; gives how many. */
static size_t raw_read (int fd, void *buffer, size_t size)
{
    const long long end = now_ms () + PATIENCE_MS;
    size_t done = 0;
    while (done < size) {
        struct pollfd ready = {fd, POLLIN, 0};
        if (attended)
            integer_option (attended, ZMQ_EVENTS);
        if (poll (&ready, 1, attended ? 1 : PATIENCE_MS) <= 0) {
            if (now_ms () < end)
                continue;
            printf ("READ IN VAIN\n");
            break;
        }
        const ssize_t got = read (fd, (char *) buffer + done, size - done);
        if (got <= 0)
            break;
        done += (size_t) got;
    }
    return done;
}

static void raw_write (int fd, const void *bytes, size_t size)
{
    if (send (fd, bytes, size, MSG_NOSIGNAL) != (ssize_t) size)
        give_up ("raw write");
}

#endif
