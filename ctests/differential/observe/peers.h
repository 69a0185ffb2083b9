/* Others who watch or speak to a socket: its monitor, and plain TCP clients. */
#ifndef PEERS_H
#define PEERS_H

#include "sockets.h"

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
