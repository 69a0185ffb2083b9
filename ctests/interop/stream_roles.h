/* The roles of a STREAM socket: sending bytes and having them back. */
#ifndef STREAM_ROLES_H
#define STREAM_ROLES_H

#include "exchange.h"

/* One stretch of bytes from a STREAM; empty when a connection comes or goes. */
static size_t receive_stretch (struct peer *peer)
{
    peer->id_size = (size_t) zmq_recv (peer->socket, peer->id, sizeof peer->id, 0);
    const int size = zmq_recv (peer->socket, peer->body, LARGEST, 0);
    check (size, "zmq_recv");
    return (size_t) size;
}

static void send_stretch (struct peer *peer, const void *bytes, size_t size)
{
    send_bytes (peer, peer->id, peer->id_size, ZMQ_SNDMORE);
    send_bytes (peer, bytes, size, ZMQ_SNDMORE);
}

static void answer_stream (struct peer *peer)
{
    uint64_t disconnects = 0;
    int connected = 0;
    while (peer->endless || disconnects < peer->count) {
        const size_t size = receive_stretch (peer);
        if (size > 0)
            send_stretch (peer, peer->body, size);
        else if ((connected = !connected) == 0)
            disconnects++;
    }
}

/* Sends `count` bytes that count up, and checks that the same come back. */
static void ask_stream (struct peer *peer)
{
    uint64_t sent = 0, received = 0;
    if (receive_stretch (peer) != 0)
        fail ("bytes before the connection");
    while (received < peer->count) {
        const uint64_t size = (hash_of (sent) >> 8) % 30000 + 1;
        if (sent < peer->count && sent - received < 200000) {
            const uint64_t rest = peer->count - sent;
            send_stretch (peer, pattern + sent % 256, size < rest ? size : rest);
            sent += size < rest ? size : rest;
            continue;
        }
        const size_t got = receive_stretch (peer);
        if (got == 0)
            fail ("the connection went away after %llu bytes", (unsigned long long) received);
        if (memcmp (peer->body, pattern + received % 256, got) != 0)
            fail ("wrong bytes after %llu", (unsigned long long) received);
        received += got;
    }
    send_stretch (peer, "", 0);
}

#endif
