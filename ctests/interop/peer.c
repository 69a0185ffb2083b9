/*
 * One end of an interoperation test. The other end is the same program on another libzmq, or a
 * byte-level peer in Python.
 *
 *     peer KIND bind|connect ENDPOINT ROLE [count=N] [run=N] [to=ADDRESS] [endless] [numbered] [stays] [server=M] [client=M]
 *
 * KIND is a socket kind in lower case. The roles:
 *
 *     send      sends `count` messages, or messages without end
 *     receive   checks `count` messages: number by number, or only that they grow when `numbered`
 *     ask       sends each message and checks that it comes back
 *     answer    sends back whatever comes, for ever, or `count` times
 *
 * M is a mechanism, null, plain, curve or gssapi; its server has a ZAP handler that knows its client.
 * Sockets for datagrams have roles of their own (datagram_roles.h); a DGRAM asks at `to`.
 *
 * A PUB or RADIO waits for a line on its standard input; it greets its subscribers until then. A sender
 * that `stays` waits for one before it closes. What the
 * runner has to know is printed: READY (a subscriber heard a greeting), RUN n (so many messages of
 * that sender were received), ASKED (so many answers came), DONE at the end.
 */
#include "exchange.h"
#include "datagram_roles.h"
#include "security.h"
#include "stream_roles.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

/* ------------------------------------------------------------------ before the first message */

/* A line from the runner. */
static void await_word (void)
{
    char byte = 0;
    while (read (0, &byte, 1) == 1 && byte != '\n') {
    }
}

/* A publisher's messages count only from when somebody listens. */
static void await_subscriber (struct peer *peer)
{
    char byte[64];
    if (peer->kind == ZMQ_XPUB) {
        const int size = zmq_recv (peer->socket, byte, sizeof byte, 0);
        if (size != 1 || byte[0] != 1)
            fail ("a subscription of %d bytes", size);
    }
    if (peer->kind != ZMQ_PUB && peer->kind != ZMQ_RADIO)
        return;
    struct pollfd input = {0, POLLIN, 0};
    while (poll (&input, 1, 10) == 0)
        if (peer->kind == ZMQ_RADIO)
            send_addressed (peer, "greetings", "hello", 5);
        else
            send_bytes (peer, "hello", 5, 0);
    await_word ();
}

/* A ROUTER that speaks first has to be spoken to before it knows an address. */
static void introduce (struct peer *peer)
{
    const int speaks_first = strcmp (peer->role, "send") == 0 || strcmp (peer->role, "ask") == 0;
    if (peer->kind == ZMQ_ROUTER && speaks_first) {
        char greeting[8];
        receive_prefix (peer);
        if (zmq_recv (peer->socket, greeting, sizeof greeting, 0) != 5)
            fail ("not a greeting");
    }
    if (peer->kind == ZMQ_DEALER && !speaks_first)
        send_bytes (peer, "hello", 5, 0);
    if (peer->kind == ZMQ_XSUB)
        send_bytes (peer, "\001", 1, 0);
    if (speaks_first)
        await_subscriber (peer);
}

/* ------------------------------------------------------------------ roles */

static void send_all (struct peer *peer)
{
    for (uint64_t number = 0; peer->endless || number < peer->count; number++) {
        send_message (peer, number);
        /* A publisher without end must not run far ahead of its subscribers. */
        if (peer->endless && (peer->kind == ZMQ_PUB || peer->kind == ZMQ_XPUB || peer->kind == ZMQ_RADIO) && number % 20 == 19) {
            const struct timespec pause = {0, 1000000};
            nanosleep (&pause, NULL);
        }
    }
}

/* Messages may be lost between two runs of a sender, but never change their order within one. */
static void note_progress (uint64_t number, uint64_t run)
{
    static uint64_t last[RUNS], received[RUNS];
    if (run >= RUNS)
        fail ("run %llu", (unsigned long long) run);
    if (received[run] > 0 && number <= last[run])
        fail ("message %llu after %llu", (unsigned long long) number, (unsigned long long) last[run]);
    last[run] = number;
    if (++received[run] % REPORT_EVERY == 0)
        report ("RUN %llu", (unsigned long long) run);
}

static void receive_all (struct peer *peer)
{
    int greeted = 0;
    for (uint64_t received = 0; peer->endless || received < peer->count;) {
        uint64_t number = received, run = peer->run;
        if (receive_prefix (peer)) {
            if (!greeted)
                report ("READY");
            greeted = 1;
            continue;
        }
        receive_body (peer, &number, &run);
        if (peer->numbered)
            note_progress (number, run);
        received++;
    }
}

/* Sends ahead, up to a window and no large message, and checks that the answers come in order. */
static void ask_all (struct peer *peer)
{
    const uint64_t window = peer->kind == ZMQ_REQ ? 1 : WINDOW;
    uint64_t sent = 0;
    for (uint64_t number = 0; number < peer->count; number++) {
        while (sent < peer->count && sent < number + window && (sent == number || size_of (sent, 0) < 65536))
            send_message (peer, sent++);
        receive_prefix (peer);
        uint64_t expected = number, run = peer->run;
        receive_body (peer, &expected, &run);
    }
}

/* Asks one at a time, again and again until the answer comes, as answerers come and go. */
static void ask_until_answered (struct peer *peer)
{
    for (uint64_t number = 0; peer->endless || number < peer->count; number++) {
        for (int answered = 0; !answered;) {
            send_message (peer, number);
            while (wait_readable (peer, RETRY_MS)) {
                uint64_t got = 0, run = 0;
                receive_prefix (peer);
                receive_body (peer, &got, &run);
                /* A ROUTER may hand a killed predecessor's last answer to its successor. */
                if (run == peer->run && got > number)
                    fail ("answer %llu to %llu", (unsigned long long) got, (unsigned long long) number);
                if (run == peer->run && got == number) {
                    answered = 1;
                    break;
                }
            }
        }
        note_answer ();
    }
}

/* A SERVER that waited for room at a client that is gone would wait for ever. */
static void answer_or_drop (struct peer *peer, zmq_msg_t *answer)
{
    if (zmq_msg_send (answer, peer->socket, ZMQ_DONTWAIT) != -1)
        return;
    if (zmq_errno () != EAGAIN && zmq_errno () != EHOSTUNREACH)
        fail ("zmq_msg_send: %s", zmq_strerror (zmq_errno ()));
    zmq_msg_close (answer);
}

/* A whole message is taken before the answer begins: a REP allows nothing else. */
static void answer_all (struct peer *peer)
{
    for (uint64_t answered = 0; peer->endless || answered < peer->count; answered++) {
        zmq_msg_t parts[MOST_PARTS];
        int count = 0, more = 1;
        while (more) {
            if (count == MOST_PARTS)
                fail ("a request of too many parts");
            zmq_msg_init (&parts[count]);
            check (zmq_msg_recv (&parts[count], peer->socket, 0), "zmq_msg_recv");
            more = zmq_msg_more (&parts[count++]);
        }
        if (peer->kind == ZMQ_SERVER && peer->endless) {
            answer_or_drop (peer, &parts[0]);
            continue;
        }
        for (int i = 0; i < count; i++)
            check (zmq_msg_send (&parts[i], peer->socket, i + 1 < count ? ZMQ_SNDMORE : 0), "zmq_msg_send");
    }
}

/* ------------------------------------------------------------------ start and end */

static int kind_of (const char *name)
{
    static const char *const names[] = {"pair", "pub", "sub", "req", "rep", "dealer", "router", "pull", "push", "xpub", "xsub", "stream",
                                        "server", "client", "radio", "dish", "gather", "scatter", "dgram", "peer", "channel"};
    for (int kind = 0; kind < (int) (sizeof names / sizeof *names); kind++)
        if (strcmp (name, names[kind]) == 0)
            return kind;
    fail ("no such kind: %s", name);
    return -1;
}

static void configure (struct peer *peer)
{
    set_int (peer, ZMQ_RECONNECT_IVL, 20);
    if (peer->kind == ZMQ_PUB || peer->kind == ZMQ_XPUB || peer->kind == ZMQ_RADIO)
        set_int (peer, ZMQ_SNDHWM, 0);
    if (peer->kind == ZMQ_DISH) {
        check (zmq_join (peer->socket, "greetings"), "zmq_join");
        check (zmq_join (peer->socket, "numbers"), "zmq_join");
    }
    if (peer->kind == ZMQ_SUB || peer->kind == ZMQ_XSUB || peer->kind == ZMQ_DISH)
        set_int (peer, ZMQ_RCVHWM, 0);
    if (peer->kind == ZMQ_SUB)
        check (zmq_setsockopt (peer->socket, ZMQ_SUBSCRIBE, "", 0), "ZMQ_SUBSCRIBE");
    if (peer->kind == ZMQ_ROUTER && !peer->numbered)
        set_int (peer, ZMQ_ROUTER_MANDATORY, 1);
    if (peer->kind == ZMQ_ROUTER)
        set_int (peer, ZMQ_ROUTER_HANDOVER, 1);
    if (peer->kind == ZMQ_DEALER)
        check (zmq_setsockopt (peer->socket, ZMQ_ROUTING_ID, "dealer", 6), "ZMQ_ROUTING_ID");
    if (peer->kind == ZMQ_REQ && peer->numbered) {
        set_int (peer, ZMQ_REQ_RELAXED, 1);
        set_int (peer, ZMQ_REQ_CORRELATE, 1);
    }
}

static void play (struct peer *peer)
{
    if (peer->kind == ZMQ_DGRAM || strstr (peer->role, "-datagrams")) {
        play_datagrams (peer);
        return;
    }
    if (peer->kind == ZMQ_STREAM) {
        const int asks = strcmp (peer->role, "ask") == 0;
        if (peer->endless)
            asks ? ask_streams (peer) : answer_streams (peer);
        else
            asks ? ask_stream (peer) : answer_stream (peer);
        return;
    }
    if (!peer->numbered)
        introduce (peer);
    else if (peer->kind == ZMQ_XSUB)
        send_bytes (peer, "\001", 1, 0);
    if (strcmp (peer->role, "send") == 0)
        send_all (peer);
    else if (strcmp (peer->role, "receive") == 0)
        receive_all (peer);
    else if (strcmp (peer->role, "answer") == 0)
        answer_all (peer);
    else if (peer->numbered)
        ask_until_answered (peer);
    else
        ask_all (peer);
}

int main (int argc, char **argv)
{
    struct peer peer = {.count = 100000, .run = 1};
    const char *server = NULL, *client = NULL;
    if (argc < 5)
        fail ("usage: peer KIND bind|connect ENDPOINT ROLE [count=N] [run=N] [to=ADDRESS] [endless] [numbered] [stays] [server=M] [client=M]");
    peer.role = argv[4];
    for (int i = 5; i < argc; i++) {
        if (strncmp (argv[i], "count=", 6) == 0)
            peer.count = strtoull (argv[i] + 6, NULL, 10);
        else if (strncmp (argv[i], "run=", 4) == 0)
            peer.run = strtoull (argv[i] + 4, NULL, 10);
        else if (strncmp (argv[i], "to=", 3) == 0)
            peer.to = argv[i] + 3;
        else if (strcmp (argv[i], "endless") == 0)
            peer.endless = 1;
        else if (strcmp (argv[i], "numbered") == 0)
            peer.numbered = 1;
        else if (strcmp (argv[i], "stays") == 0)
            peer.stays = 1;
        else if (strncmp (argv[i], "server=", 7) == 0)
            server = argv[i] + 7;
        else if (strncmp (argv[i], "client=", 7) == 0)
            client = argv[i] + 7;
        else
            fail ("no such option: %s", argv[i]);
    }
    make_pattern ();
    peer.body = malloc (LARGEST);
    peer.kind = kind_of (argv[1]);
    peer.context = zmq_ctx_new ();
    peer.socket = zmq_socket (peer.context, peer.kind);
    if (!peer.body || !peer.context || !peer.socket)
        fail ("no socket: %s", zmq_strerror (zmq_errno ()));
    configure (&peer);
    if (server)
        be_server (&peer, server);
    if (client)
        be_client (&peer, client);
    if (strcmp (argv[2], "bind") == 0)
        check (zmq_bind (peer.socket, argv[3]), "zmq_bind");
    else if (peer.kind == ZMQ_PEER)
        check ((peer.routing_id = zmq_connect_peer (peer.socket, argv[3])) ? 0 : -1, "zmq_connect_peer");
    else
        check (zmq_connect (peer.socket, argv[3]), "zmq_connect");
    play (&peer);
    if (peer.stays)
        await_word ();
    check (zmq_close (peer.socket), "zmq_close");
    check (zmq_ctx_term (peer.context), "zmq_ctx_term");
    free (peer.body);
    free (pattern);
    report ("DONE");
    return 0;
}
