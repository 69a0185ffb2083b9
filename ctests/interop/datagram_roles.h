/* The roles of sockets for datagrams, which may lose some. */
#ifndef DATAGRAM_ROLES_H
#define DATAGRAM_ROLES_H

#include "exchange.h"

#include <poll.h>

#define GROUP "datagrams"
#define LONGEST_DATAGRAM 8000

/* Message `number`, up to the size that both libraries take in one datagram. */
static size_t datagram (struct peer *peer, uint64_t number)
{
    const size_t size = 8 + hash_of (number) % (LONGEST_DATAGRAM - 8);
    memcpy (peer->body, &number, 8);
    memcpy ((char *) peer->body + 8, pattern + number % 256, size - 8);
    return size;
}

static uint64_t check_datagram (struct peer *peer, const void *bytes, size_t size)
{
    uint64_t number;
    if (size < 8)
        fail ("%zu bytes", size);
    memcpy (&number, bytes, 8);
    if (datagram (peer, number) != size || memcmp (peer->body, bytes, size) != 0)
        fail ("message %llu differs", (unsigned long long) number);
    return number;
}

/* Sends to two groups, one of which nobody joined, until there is nothing more on standard input. */
static void send_to_groups (struct peer *peer)
{
    struct pollfd input = {0, POLLIN, 0};
    for (uint64_t number = 0; poll (&input, 1, 1) == 0; number++) {
        zmq_msg_t message;
        const size_t size = datagram (peer, number);
        zmq_msg_init_size (&message, size);
        memcpy (zmq_msg_data (&message), peer->body, size);
        check (zmq_msg_set_group (&message, number % 3 ? GROUP : "others"), "zmq_msg_set_group");
        check (zmq_msg_send (&message, peer->socket, 0), "zmq_msg_send");
    }
}

static void receive_from_group (struct peer *peer)
{
    check (zmq_join (peer->socket, GROUP), "zmq_join");
    for (uint64_t received = 0; received < peer->count; received++) {
        zmq_msg_t message;
        zmq_msg_init (&message);
        check (zmq_msg_recv (&message, peer->socket, 0), "zmq_msg_recv");
        const uint64_t number = check_datagram (peer, zmq_msg_data (&message), zmq_msg_size (&message));
        if (number % 3 == 0 || strcmp (zmq_msg_group (&message), GROUP) != 0)
            fail ("message %llu of group %s", (unsigned long long) number, zmq_msg_group (&message));
        zmq_msg_close (&message);
    }
}

/* Asks whoever is at `to` and has each answer; what is lost is asked again. */
static void ask_datagrams (struct peer *peer)
{
    static char answer[65536];
    for (uint64_t number = 0; number < peer->count; number++) {
        for (;;) {
            send_bytes (peer, peer->to, strlen (peer->to), ZMQ_SNDMORE);
            const size_t size = datagram (peer, number);
            send_bytes (peer, peer->body, size, 0);
            if (!wait_readable (peer, 200))
                continue;
            const int from = zmq_recv (peer->socket, peer->id, sizeof peer->id, 0);
            if (from < 1 || strcmp ((char *) peer->id, peer->to) != 0)
                fail ("an answer from %s", peer->id);
            const int got = zmq_recv (peer->socket, answer, sizeof answer, 0);
            check (got, "zmq_recv");
            if (check_datagram (peer, answer, (size_t) got) == number)
                break;
        }
    }
}

static void answer_datagrams (struct peer *peer)
{
    for (;;) {
        const int from = zmq_recv (peer->socket, peer->id, sizeof peer->id, 0);
        check (from, "zmq_recv");
        const int size = zmq_recv (peer->socket, peer->body, LARGEST, 0);
        check (size, "zmq_recv");
        send_bytes (peer, peer->id, (size_t) from, ZMQ_SNDMORE);
        send_bytes (peer, peer->body, (size_t) size, 0);
    }
}

static void play_datagrams (struct peer *peer)
{
    switch (peer->kind) {
        case ZMQ_RADIO:
            send_to_groups (peer);
            break;
        case ZMQ_DISH:
            receive_from_group (peer);
            break;
        default:
            if (strcmp (peer->role, "ask") == 0)
                ask_datagrams (peer);
            else
                answer_datagrams (peer);
    }
}

#endif
