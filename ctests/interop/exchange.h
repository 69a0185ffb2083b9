/* A peer's state, and sending and checking one message on its socket. */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define ZMQ_BUILD_DRAFT_API
#include "messages.h"

#include <stdarg.h>
#include <unistd.h>
#include <zmq.h>

enum { REPORT_EVERY = 500, WINDOW = 50, RETRY_MS = 500, PATIENCE_MS = 60000, RUNS = 16, MOST_PARTS = 8 };

struct peer {
    void *context;
    void *socket;
    int kind;
    const char *role;
    uint64_t count;
    uint64_t run;
    int endless;
    int numbered;
    int stays;
    /* ZAP tells this end who its peers are. */
    int authenticates;
    unsigned char *body;
    unsigned char id[64];
    size_t id_size;
    /* Of a PEER's counterpart; 0 for none. */
    uint32_t routing_id;
    /* A DISH has heard the greeting. */
    int greeted;
    const char *to;
};

/* The draft kinds have messages of one part only. */
static int is_single (const struct peer *peer)
{
    return peer->kind >= ZMQ_SERVER;
}

static void fail (const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    printf ("FAILED: ");
    vprintf (format, arguments);
    printf ("\n");
    fflush (stdout);
    va_end (arguments);
    _exit (1);
}

static void check (int rc, const char *what)
{
    if (rc == -1)
        fail ("%s: %s", what, zmq_strerror (zmq_errno ()));
}

static void report (const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    vprintf (format, arguments);
    va_end (arguments);
    printf ("\n");
    fflush (stdout);
}

/* Tells the runner now and then that answers come. */
static void note_answer (void)
{
    static uint64_t answers;
    if (++answers % REPORT_EVERY == 0)
        report ("ASKED");
}

static void set_int (struct peer *peer, int option, int value)
{
    check (zmq_setsockopt (peer->socket, option, &value, sizeof value), "zmq_setsockopt");
}

/* To a group or a certain peer. */
static void send_addressed (struct peer *peer, const char *group, const void *bytes, size_t size)
{
    zmq_msg_t message;
    check (zmq_msg_init_buffer (&message, bytes, size), "zmq_msg_init_buffer");
    if (group)
        check (zmq_msg_set_group (&message, group), "zmq_msg_set_group");
    if (peer->routing_id)
        check (zmq_msg_set_routing_id (&message, peer->routing_id), "zmq_msg_set_routing_id");
    check (zmq_msg_send (&message, peer->socket, 0), "zmq_msg_send");
}

static void send_bytes (struct peer *peer, const void *bytes, size_t size, int flags)
{
    if (peer->kind == ZMQ_RADIO || peer->routing_id) {
        send_addressed (peer, peer->kind == ZMQ_RADIO ? "numbers" : NULL, bytes, size);
        return;
    }
    check (zmq_send (peer->socket, bytes, size, flags), "zmq_send");
}

/* What comes before the body: the address of a ROUTER's peer, or a topic. */
static void send_prefix (struct peer *peer)
{
    if (peer->kind == ZMQ_ROUTER)
        send_bytes (peer, peer->id, peer->id_size, ZMQ_SNDMORE);
    if (peer->kind == ZMQ_PUB || peer->kind == ZMQ_XPUB)
        send_bytes (peer, "n", 1, ZMQ_SNDMORE);
}

static void send_message (struct peer *peer, uint64_t number)
{
    const size_t size = size_of (number, peer->numbered);
    const int more = has_tail (number, is_single (peer)) ? ZMQ_SNDMORE : 0;
    send_prefix (peer);
    fill_body (peer->body, size, number, peer->run);
    send_bytes (peer, peer->body, size, more);
    if (more) {
        send_bytes (peer, "", 0, ZMQ_SNDMORE);
        send_bytes (peer, TAIL, TAIL_SIZE, 0);
    }
}

static int more_parts (struct peer *peer)
{
    int more = 0;
    size_t size = sizeof more;
    check (zmq_getsockopt (peer->socket, ZMQ_RCVMORE, &more, &size), "ZMQ_RCVMORE");
    return more;
}

/* Waits for something to read; with `patience` running out it is an error, or just said. */
static int wait_readable (struct peer *peer, int patience)
{
    zmq_pollitem_t item = {peer->socket, 0, ZMQ_POLLIN, 0};
    const int rc = zmq_poll (&item, 1, patience);
    check (rc, "zmq_poll");
    return rc > 0;
}

/* Takes the parts before the body and keeps the address; says whether it was a greeting. */
static int receive_prefix (struct peer *peer)
{
    if (!wait_readable (peer, PATIENCE_MS))
        fail ("nothing came for %d s", PATIENCE_MS / 1000);
    if (peer->kind == ZMQ_ROUTER) {
        const int size = zmq_recv (peer->socket, peer->id, sizeof peer->id, 0);
        check (size, "zmq_recv (address)");
        peer->id_size = (size_t) size;
    }
    if (peer->kind == ZMQ_SUB || peer->kind == ZMQ_XSUB) {
        char topic[8];
        const int size = zmq_recv (peer->socket, topic, sizeof topic, 0);
        check (size, "zmq_recv (topic)");
        if (size == 5 && memcmp (topic, "hello", 5) == 0)
            return 1;
        if (size != 1 || topic[0] != 'n' || !more_parts (peer))
            fail ("not a topic");
    }
    if (peer->kind == ZMQ_DISH && !peer->greeted) {
        /* Other greetings may follow; it is done with them. */
        char greeting[8];
        check (zmq_recv (peer->socket, greeting, sizeof greeting, 0), "zmq_recv (greeting)");
        check (zmq_leave (peer->socket, "greetings"), "zmq_leave");
        return peer->greeted = 1;
    }
    return 0;
}

/* Takes the body and the parts after it, and checks all against the number. */
static void receive_body (struct peer *peer, uint64_t *number, uint64_t *run)
{
    zmq_msg_t message;
    zmq_msg_init (&message);
    check (zmq_msg_recv (&message, peer->socket, 0), "zmq_msg_recv");
    const char *user = zmq_msg_gets (&message, "User-Id");
    if (peer->authenticates && (!user || strcmp (user, "tester") != 0))
        fail ("a message of %s", user ? user : "nobody");
    const unsigned char *body = zmq_msg_data (&message);
    const size_t size = zmq_msg_size (&message);
    if (peer->numbered) {
        if (size < HEADER)
            fail ("a body of %zu bytes", size);
        memcpy (number, body, 8);
        memcpy (run, body + 8, 8);
    }
    if (size != size_of (*number, peer->numbered))
        fail ("message %llu has %zu bytes", (unsigned long long) *number, size);
    if (!body_is_right (body, size, *number, *run))
        fail ("message %llu has a wrong body", (unsigned long long) *number);
    if (zmq_msg_more (&message) != has_tail (*number, is_single (peer)))
        fail ("message %llu has a wrong number of parts", (unsigned long long) *number);
    zmq_msg_close (&message);
    if (has_tail (*number, is_single (peer))) {
        char tail[8];
        if (zmq_recv (peer->socket, tail, sizeof tail, 0) != 0 || !more_parts (peer))
            fail ("message %llu has a wrong second part", (unsigned long long) *number);
        if (zmq_recv (peer->socket, tail, sizeof tail, 0) != TAIL_SIZE || memcmp (tail, TAIL, TAIL_SIZE) != 0
            || more_parts (peer))
            fail ("message %llu has a wrong third part", (unsigned long long) *number);
    }
}

#endif
