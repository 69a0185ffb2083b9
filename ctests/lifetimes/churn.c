/* Random traffic: threads with sockets of their own that appear, connect, send, receive, disconnect
 * and vanish on all transports, round after round, each round with a context of its own.
 *
 * Checked: every message is whole and its own; from one sender to one receiver nothing comes twice
 * or out of order; no call gives an error that it may not give; every round ends. LIFETIMES_SEED
 * repeats the choices of a run (not its timing).
 */
#define _GNU_SOURCE
#include "lifetimes.h"

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum { THREADS = 8, OWN = 6, TRIED = 16, FAMILIES = 7, BOARD = 64, SENDERS = 1 << 16 };

enum family { PIPELINE, ROUTING, PUBSUB, XPUBSUB, PAIRS, REQUESTS, DEALERS };

/* Kinds that bind, and that connect to those; the other way round in a family that is turned. */
static const int kinds_of[FAMILIES][2] = {
    {ZMQ_PULL, ZMQ_PUSH}, {ZMQ_ROUTER, ZMQ_DEALER}, {ZMQ_PUB, ZMQ_SUB},      {ZMQ_XPUB, ZMQ_XSUB},
    {ZMQ_PAIR, ZMQ_PAIR}, {ZMQ_REP, ZMQ_REQ},       {ZMQ_DEALER, ZMQ_DEALER},
};

struct header {
    uint32_t magic, sender, number, body;
};
#define MAGIC 0x6368726e

struct participant {
    void *socket, *events;
    int kind, bound, turned;
    enum family family;
    uint32_t id, next;
    uint32_t *last;
    char endpoint[ENDPOINT_SIZE];
    char tried[TRIED][ENDPOINT_SIZE];
    int tries;
    char peer[64];
    int peer_size;
};

struct worker {
    uint64_t random;
    struct participant own[OWN];
    unsigned long sent, received;
};

static void *context;
static int stopping, next_name;
static uint32_t next_sender;
static pthread_mutex_t board_lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    enum family family;
    int turned;
    char endpoint[ENDPOINT_SIZE];
} board[BOARD];

/* A socket that connects again may find another program at the port of a peer that is gone, and
 * hear what is meant for others. So this program has a network of its own where the system grants
 * that; elsewhere strange messages are passed over. */
static int isolated;

static void isolate(void)
{
    struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int fd;
    if (unshare(CLONE_NEWNET) == -1 && unshare(CLONE_NEWUSER | CLONE_NEWNET) == -1)
        return;
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK(fd >= 0);
    CHECK(ioctl(fd, SIOCSIFFLAGS, &loopback) == 0);
    close(fd);
    isolated = 1;
}

static uint32_t draw(struct worker *self, uint32_t below)
{
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return (uint32_t)(self->random >> 32) % below;
}

static int is_over(void)
{
    return __atomic_load_n(&stopping, __ATOMIC_RELAXED);
}

/* What a call that does not wait may answer at any time. */
static void may_fail(int outcome)
{
    if (outcome == -1)
        CHECK(errno == EAGAIN || errno == ETERM || errno == EFSM || errno == EHOSTUNREACH);
}

static void announce(struct worker *self, struct participant *one)
{
    pthread_mutex_lock(&board_lock);
    uint32_t place = draw(self, BOARD);
    board[place].family = one->family;
    board[place].turned = one->turned;
    strcpy(board[place].endpoint, one->endpoint);
    pthread_mutex_unlock(&board_lock);
}

/* Whether a handshake keeps these two apart; inproc has none. */
static int never_meet(enum family one, enum family other, const char *endpoint)
{
    int apart = one == PIPELINE || one == PUBSUB || one == PAIRS;
    int other_apart = other == PIPELINE || other == PUBSUB || other == PAIRS;
    return one != other && apart && other_apart && strncmp(endpoint, "inproc", 6) != 0;
}

static int look_up(struct worker *self, struct participant *one, char *endpoint)
{
    int found = 0;
    pthread_mutex_lock(&board_lock);
    uint32_t place = draw(self, BOARD);
    for (int i = 0; i < BOARD && !found; ++i, place = (place + 1) % BOARD)
        if (board[place].endpoint[0]) {
            found = board[place].family == one->family && board[place].turned == one->turned;
            if (never_meet(one->family, board[place].family, board[place].endpoint))
                found = draw(self, 100) == 0;
            if (found)
                strcpy(endpoint, board[place].endpoint);
        }
    pthread_mutex_unlock(&board_lock);
    return found;
}

/* A second way to the same peer could overtake the first, so none is taken twice. */
static void connect_somewhere(struct worker *self, struct participant *one)
{
    char endpoint[ENDPOINT_SIZE];
    if (one->bound || one->tries == TRIED || !look_up(self, one, endpoint))
        return;
    for (int i = 0; i < one->tries; ++i)
        if (strcmp(one->tried[i], endpoint) == 0)
            return;
    if (zmq_connect(one->socket, endpoint) == -1)
        CHECK(errno == ETERM || errno == ECONNREFUSED);
    strcpy(one->tried[one->tries++], endpoint);
}

static void bind_somewhere(struct worker *self, struct participant *one)
{
    char name[64];
    size_t size = sizeof one->endpoint;
    snprintf(name, sizeof name, "inproc://%d", __atomic_add_fetch(&next_name, 1, __ATOMIC_RELAXED));
    uint32_t choice = draw(self, 3);
    const char *wildcard = choice == 0 ? name : choice == 1 ? "ipc://*" : "tcp://127.0.0.1:*";
    if (zmq_bind(one->socket, wildcard) == -1 ||
        zmq_getsockopt(one->socket, ZMQ_LAST_ENDPOINT, one->endpoint, &size) == -1) {
        CHECK(errno == ETERM);
        return;
    }
    announce(self, one);
}

static void set_if_alive(void *socket, int option, int value)
{
    if (zmq_setsockopt(socket, option, &value, sizeof value) == -1)
        CHECK(errno == ETERM);
}

static void watch(struct participant *one)
{
    char name[64];
    snprintf(name, sizeof name, "inproc://events-%u", one->id);
    if (zmq_socket_monitor(one->socket, name, ZMQ_EVENT_ALL) == -1) {
        CHECK(errno == ETERM);
        return;
    }
    one->events = zmq_socket(context, ZMQ_PAIR);
    CHECK(one->events || errno == ETERM);
    if (one->events && zmq_connect(one->events, name) == -1)
        CHECK(errno == ETERM);
}

static void appear(struct worker *self, struct participant *one)
{
    uint32_t *last = one->last;
    memset(one, 0, sizeof *one);
    one->last = last ? last : malloc(SENDERS * sizeof *last);
    CHECK(one->last);
    memset(one->last, 0, SENDERS * sizeof *last);
    one->family = (enum family)draw(self, FAMILIES);
    one->bound = draw(self, 2) == 0;
    one->turned = draw(self, 4) == 0;
    one->kind = kinds_of[one->family][one->bound == one->turned];
    one->id = __atomic_add_fetch(&next_sender, 1, __ATOMIC_RELAXED) % SENDERS;
    one->socket = zmq_socket(context, one->kind);
    if (!one->socket) {
        CHECK(errno == ETERM || errno == EMFILE);
        return;
    }
    static const int marks[] = {1, 2, 3, 10, 1000, 0};
    set_if_alive(one->socket, ZMQ_SNDHWM, marks[draw(self, 5)]);
    set_if_alive(one->socket, ZMQ_RCVHWM, marks[draw(self, 6)]);
    set_if_alive(one->socket, ZMQ_RECONNECT_IVL, (int)draw(self, 20) + 1);
    set_if_alive(one->socket, ZMQ_LINGER, (int)draw(self, 3) * 5);
    if (draw(self, 4) == 0)
        set_if_alive(one->socket, ZMQ_IMMEDIATE, 1);
    if (draw(self, 4) == 0) {
        set_if_alive(one->socket, ZMQ_HEARTBEAT_IVL, 3);
        /* A connection made anew may overtake what came over the old one: let none time out. */
        set_if_alive(one->socket, ZMQ_HEARTBEAT_TIMEOUT, 60000);
    }
    if (one->kind == ZMQ_SUB && zmq_setsockopt(one->socket, ZMQ_SUBSCRIBE, "", 0) == -1)
        CHECK(errno == ETERM);
    if (draw(self, 10) == 0)
        watch(one);
    if (one->bound)
        bind_somewhere(self, one);
    else
        connect_somewhere(self, one);
    if (one->kind == ZMQ_XSUB)
        may_fail(zmq_send(one->socket, "\1", 1, ZMQ_DONTWAIT));
}

static void vanish(struct participant *one)
{
    if (one->socket)
        CHECK(zmq_close(one->socket) == 0);
    if (one->events)
        CHECK(zmq_close(one->events) == 0);
    one->socket = one->events = NULL;
}

static int sends(int kind)
{
    return kind != ZMQ_PULL && kind != ZMQ_SUB && kind != ZMQ_XSUB;
}

static int receives(int kind)
{
    return kind != ZMQ_PUSH && kind != ZMQ_PUB && kind != ZMQ_XPUB;
}

static void send_message(struct worker *self, struct participant *one)
{
    static const uint32_t sizes[] = {0, 10, 255, 256, 5000, 33000, 99000};
    uint32_t choice = draw(self, 200);
    struct header header = {MAGIC, one->id, one->next + 1, choice < 7 ? sizes[choice] : draw(self, 40)};
    if (one->kind == ZMQ_ROUTER) {
        if (!one->peer_size)
            return;
        int sent = zmq_send(one->socket, one->peer, (size_t)one->peer_size, ZMQ_DONTWAIT | ZMQ_SNDMORE);
        may_fail(sent);
        if (sent == -1)
            return;
    }
    int sent = zmq_send(one->socket, &header, sizeof header, ZMQ_DONTWAIT | ZMQ_SNDMORE);
    may_fail(sent);
    if (sent == -1)
        return;
    char *mine;
    zmq_msg_t message;
    CHECK(zmq_msg_init_size(&message, header.body) == 0);
    mine = zmq_msg_data(&message);
    memset(mine, (int)(header.sender + header.number), header.body);
    sent = zmq_msg_send(&message, one->socket, ZMQ_DONTWAIT);
    may_fail(sent);
    if (sent == -1)
        CHECK(zmq_msg_close(&message) == 0);
    ++one->next;
    ++self->sent;
}

/* 1 when a part came. */
static int part(struct participant *one, zmq_msg_t *message)
{
    int size = zmq_msg_recv(message, one->socket, ZMQ_DONTWAIT);
    may_fail(size);
    return size != -1;
}

static int receive_message(struct worker *self, struct participant *one)
{
    struct header header;
    zmq_msg_t message;
    zmq_msg_init(&message);
    if (!part(one, &message))
        return 0;
    if (one->kind == ZMQ_ROUTER) {
        CHECK(zmq_msg_more(&message));
        CHECK(zmq_msg_size(&message) < sizeof one->peer);
        one->peer_size = (int)zmq_msg_size(&message);
        memcpy(one->peer, zmq_msg_data(&message), zmq_msg_size(&message));
        /* A REQ finds its way here when this ROUTER has the port of a REP that is gone. */
        do {
            /* The rest of a message that has begun is there, unless the context is ending. */
            if (!part(one, &message)) {
                CHECK(errno == ETERM);
                return 0;
            }
        } while (zmq_msg_size(&message) == 0 && zmq_msg_more(&message));
    }
    if (!isolated && (zmq_msg_size(&message) != sizeof header || *(uint32_t *)zmq_msg_data(&message) != MAGIC)) {
        while (zmq_msg_more(&message) && part(one, &message))
            ;
        zmq_msg_close(&message);
        return 1;
    }
    if (zmq_msg_size(&message) != sizeof header || !zmq_msg_more(&message)) {
        fprintf(stderr, "kind %d: a part of %zu bytes, more %d, where a header is due\n", one->kind,
                zmq_msg_size(&message), zmq_msg_more(&message));
        abort();
    }
    memcpy(&header, zmq_msg_data(&message), sizeof header);
    CHECK(header.magic == MAGIC);
    if (!part(one, &message)) {
        CHECK(errno == ETERM);
        return 0;
    }
    CHECK(!zmq_msg_more(&message));
    CHECK(zmq_msg_size(&message) == header.body);
    unsigned char expected = (unsigned char)(header.sender + header.number), *body = zmq_msg_data(&message);
    for (size_t i = 0; i < header.body; ++i) {
        if (body[i] != expected) {
            fprintf(stderr, "kind %d, bound %d (%s): byte %zu of %u is %u, not %u, in message %u of %u\n", one->kind,
                    one->bound, one->endpoint, i, header.body, body[i], expected, header.number, header.sender);
            abort();
        }
    }
    if (header.number <= one->last[header.sender]) {
        fprintf(stderr, "kind %d, bound %d (%s): message %u of %u after %u\n", one->kind, one->bound, one->endpoint,
                header.number, header.sender, one->last[header.sender]);
        abort();
    }
    one->last[header.sender] = header.number;
    zmq_msg_close(&message);
    ++self->received;
    return 1;
}

static void hear_events(struct participant *one)
{
    zmq_msg_t message;
    zmq_msg_init(&message);
    while (one->events && zmq_msg_recv(&message, one->events, ZMQ_DONTWAIT) != -1)
        ;
    zmq_msg_close(&message);
}

static void wait_a_little(struct worker *self)
{
    zmq_pollitem_t items[OWN];
    int count = 0;
    for (int i = 0; i < OWN; ++i)
        if (self->own[i].socket)
            items[count++] = (zmq_pollitem_t){self->own[i].socket, 0, ZMQ_POLLIN, 0};
    if (zmq_poll(items, count, (long)draw(self, 3)) == -1)
        CHECK(errno == ETERM);
}

static void step(struct worker *self)
{
    struct participant *one = &self->own[draw(self, OWN)];
    if (!one->socket) {
        appear(self, one);
        return;
    }
    uint32_t choice = draw(self, 1000);
    if (choice < 450) {
        for (uint32_t i = draw(self, 30); i > 0 && sends(one->kind); --i)
            send_message(self, one);
    } else if (choice < 900) {
        for (uint32_t i = draw(self, 60); i > 0 && receives(one->kind) && receive_message(self, one); --i)
            ;
        hear_events(one);
    } else if (choice < 940) {
        wait_a_little(self);
    } else if (choice < 965) {
        connect_somewhere(self, one);
    } else if (choice < 972) {
        if (!one->bound && one->tries > 0 &&
            zmq_disconnect(one->socket, one->tried[draw(self, (uint32_t)one->tries)]) == -1)
            CHECK(errno == ENOENT || errno == ETERM);
    } else if (choice < 975) {
        if (one->bound && one->endpoint[0] && zmq_unbind(one->socket, one->endpoint) == -1)
            CHECK(errno == ENOENT || errno == ETERM);
    } else if (choice < 980) {
        set_if_alive(one->socket, ZMQ_RCVHWM, 1 + (int)draw(self, 100));
        set_if_alive(one->socket, ZMQ_SNDHWM, 1 + (int)draw(self, 100));
    } else {
        vanish(one);
    }
}

static void *work(void *argument)
{
    struct worker *self = argument;
    while (!is_over())
        step(self);
    for (int i = 0; i < OWN; ++i) {
        vanish(&self->own[i]);
        free(self->own[i].last);
        self->own[i].last = NULL;
    }
    return NULL;
}

static unsigned long churn_round(uint64_t seed, int milliseconds)
{
    static struct worker workers[THREADS];
    pthread_t threads[THREADS];
    unsigned long sent = 0, received = 0;
    memset(workers, 0, sizeof workers);
    memset(board, 0, sizeof board);
    stopping = 0;
    context = zmq_ctx_new();
    CHECK(zmq_ctx_set(context, ZMQ_IO_THREADS, 1 + (int)(seed % 3)) == 0);
    for (int i = 0; i < THREADS; ++i) {
        workers[i].random = (seed * THREADS + (uint64_t)i + 1) * 0x9e3779b97f4a7c15u;
        threads[i] = start_thread(work, &workers[i]);
    }
    pause_ms(milliseconds);
    if (seed % 2)
        CHECK(zmq_ctx_shutdown(context) == 0);
    __atomic_store_n(&stopping, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < THREADS; ++i) {
        join(threads[i]);
        sent += workers[i].sent;
        received += workers[i].received;
    }
    CHECK(zmq_ctx_term(context) == 0);
    fprintf(stderr, "round %llu: %lu sent, %lu received\n", (unsigned long long)seed, sent, received);
    return received;
}

static void churn(void)
{
    isolate();
    const char *seed = getenv("LIFETIMES_SEED");
    uint64_t first = seed ? strtoull(seed, NULL, 0) : 1;
    int rounds = getenv("LIFETIMES_SMALL") ? 2 : getenv("LIFETIMES_FULL") ? 100 : 8;
    unsigned long received = 0;
    for (int i = 0; i < rounds; ++i)
        received += churn_round(first + (uint64_t)i, 1000);
    CHECK(received > 0);
}

CASES({"churn", churn})
