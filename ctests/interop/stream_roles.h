/* The roles of a STREAM socket: sending bytes and having them back. */
#ifndef STREAM_ROLES_H
#define STREAM_ROLES_H

#include "exchange.h"

#include <errno.h>

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

/* The same, or 0 where the other end is gone: before this end hears of that there is no room for it. */
static int try_stretch (struct peer *peer, const void *bytes, size_t size)
{
    if (zmq_send (peer->socket, peer->id, peer->id_size, ZMQ_SNDMORE | ZMQ_DONTWAIT) == -1) {
        if (zmq_errno () != EHOSTUNREACH && zmq_errno () != EAGAIN)
            fail ("zmq_send (address): %s", zmq_strerror (zmq_errno ()));
        return 0;
    }
    send_bytes (peer, bytes, size, ZMQ_SNDMORE);
    return 1;
}

/* For ever, and for peers that come and go. */
static void answer_streams (struct peer *peer)
{
    for (;;) {
        const size_t size = receive_stretch (peer);
        if (size > 0)
            try_stretch (peer, peer->body, size);
    }
}

/*
 * Each connection is a stream of its own, whose bytes count up to 127 again and again. What was sent
 * just before the last one broke may go out on the next one: the highest bit tells whose bytes they are.
 */
static void ask_streams (struct peer *peer)
{
    uint64_t sent = 0, received = 0;
    unsigned char turn = 0;
    int connected = 0;
    for (;;) {
        if (connected && sent == received) {
            const uint64_t size = hash_of (sent + 1) % 30000 + 1;
            for (uint64_t i = 0; i < size; i++)
                peer->body[i] = (unsigned char) ((sent + i) % 128 + turn);
            if (try_stretch (peer, peer->body, size))
                sent += size;
        }
        const size_t got = receive_stretch (peer);
        if (got == 0) {
            connected = !connected;
            turn ^= connected ? 0x80 : 0;
            sent = received = 0;
            continue;
        }
        for (size_t i = 0; i < got; i++) {
            if (received == 0 && (peer->body[i] & 0x80) != turn)
                continue;
            if (!connected || received == sent || peer->body[i] != received % 128 + turn)
                fail ("a wrong byte after %llu of %llu", (unsigned long long) received, (unsigned long long) sent);
            received++;
        }
        if (received == sent)
            note_answer ();
    }
}

static void answer_stream (struct peer *peer)
{
    uint64_t disconnects = 0;
    int connected = 0;
    while (disconnects < peer->count) {
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
