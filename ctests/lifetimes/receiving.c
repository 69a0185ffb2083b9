/* Whoever waits for messages gets them, in whatever way it waits: sockets whose threads receive by
 * themselves, while peers come and go. */
#define _GNU_SOURCE
#define ZMQ_BUILD_DRAFT_API
#include "lifetimes.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/syscall.h>

static void *context;
static char endpoint[ENDPOINT_SIZE];

/* Only these two have connections. */
static const char *const connected[] = {"ipc://*", "tcp://127.0.0.1:*"};
#define CONNECTED 2

/* --- a thread that does nothing but wait --- */

static atomic_int received, receiver_thread;

static void *receive_all(void *pull)
{
    int number;
    atomic_store(&receiver_thread, (int)syscall(SYS_gettid));
    do {
        CHECK(zmq_recv(pull, &number, sizeof number, 0) == sizeof number);
        atomic_fetch_add(&received, 1);
    } while (number >= 0);
    return NULL;
}

/* Whether a thread of ours sleeps, as the system tells. */
static int is_asleep(int thread)
{
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread);
    FILE *file = fopen(path, "r");
    CHECK(file);
    char *read = fgets(line, sizeof line, file);
    fclose(file);
    char *name_end = read ? strrchr(line, ')') : NULL;
    return name_end && name_end[2] == 'S';
}

static void send_to_sleeper(void *push, int number)
{
    while (!atomic_load(&receiver_thread) || !is_asleep(atomic_load(&receiver_thread)))
        sched_yield();
    int before = atomic_load(&received);
    CHECK(zmq_send(push, &number, sizeof number, 0) == sizeof number);
    while (atomic_load(&received) == before)
        sched_yield();
}

/* The first peer's messages still arrive when a second one came while the socket waited for it. */
static void second_peer(void)
{
    for (int round = 0; round < 60; ++round) {
        context = zmq_ctx_new();
        atomic_store(&receiver_thread, 0);
        void *pull = new_socket(context, ZMQ_PULL);
        bind_any(pull, connected[round % CONNECTED], endpoint);
        pthread_t thread = start_thread(receive_all, pull);
        void *first = new_socket(context, ZMQ_PUSH), *second = new_socket(context, ZMQ_PUSH);
        CHECK(zmq_connect(first, endpoint) == 0);
        for (int number = 0; number < 5; ++number)
            send_to_sleeper(first, number);
        CHECK(zmq_connect(second, endpoint) == 0);
        send_to_sleeper(second, 0);
        for (int number = 0; number < 5; ++number)
            send_to_sleeper(first, number);
        CHECK(zmq_close(second) == 0);
        for (int number = 4; number >= -1; --number)
            send_to_sleeper(first, number);
        join(thread);
        CHECK(zmq_close(first) == 0);
        CHECK(zmq_close(pull) == 0);
        CHECK(zmq_ctx_term(context) == 0);
    }
}

/* --- random ways of waiting and sending --- */

static unsigned seed(void)
{
    const char *given = getenv("LIFETIMES_SEED");
    return given ? (unsigned)atoi(given) : 1;
}

static int rounds(void)
{
    return getenv("LIFETIMES_SMALL") ? 3 : getenv("LIFETIMES_FULL") ? 400 : 25;
}

enum { PEERS = 4, PER_CONNECTION = 400, LARGE = 40000 };

struct parcel {
    int peer, number;
};

/* Several connections one after the other, with bursts, pauses and now and then a large message. */
static void *send_in_bursts(void *argument)
{
    int peer = (int)(intptr_t)argument;
    unsigned random = seed() * 31 + (unsigned)peer;
    unsigned char *body = calloc(1, LARGE);
    struct parcel parcel = {peer, 0};
    while (parcel.number < 3 * PER_CONNECTION) {
        void *push = new_socket(context, ZMQ_PUSH);
        CHECK(zmq_connect(push, endpoint) == 0);
        for (int left = PER_CONNECTION; left > 0;) {
            int burst = 1 + rand_r(&random) % 40;
            for (; burst > 0 && left > 0; --burst, --left, ++parcel.number) {
                size_t size = rand_r(&random) % 60 ? sizeof parcel + (size_t)rand_r(&random) % 600 : LARGE;
                memcpy(body, &parcel, sizeof parcel);
                CHECK(zmq_send(push, body, size, 0) == (int)size);
            }
            int rest = rand_r(&random) % 8;
            if (rest < 2)
                pause_ms(rest);
            else if (rest < 4)
                usleep((useconds_t)rand_r(&random) % 200);
        }
        CHECK(zmq_close(push) == 0);
    }
    free(body);
    return NULL;
}

/* Waits in one of the ways there are; true when a message was taken. */
static int receive_somehow(void *pull, unsigned *random, unsigned char *body)
{
    zmq_pollitem_t item = {pull, 0, ZMQ_POLLIN, 0};
    switch (rand_r(random) % 6) {
    case 0:
        CHECK(zmq_poll(&item, 1, -1) == 1);
        return zmq_recv(pull, body, LARGE, ZMQ_DONTWAIT) >= 0;
    case 1:
        /* As event loops do it: the descriptor counts only when there is nothing. */
        if (zmq_recv(pull, body, LARGE, ZMQ_DONTWAIT) >= 0)
            return 1;
        struct pollfd descriptor = {int_of(pull, ZMQ_FD), POLLIN, 0};
        while (!(int_of(pull, ZMQ_EVENTS) & ZMQ_POLLIN))
            CHECK(poll(&descriptor, 1, -1) == 1);
        return 0;
    case 2:
        usleep((useconds_t)rand_r(random) % 3000);
        return zmq_recv(pull, body, LARGE, ZMQ_DONTWAIT) >= 0;
    default:
        CHECK(zmq_recv(pull, body, LARGE, 0) >= 0);
        return 1;
    }
}

static void all_ways(int peers)
{
    for (int round = 0; round < rounds(); ++round) {
        unsigned random = seed() + (unsigned)round * 977;
        int next[PEERS] = {0};
        pthread_t threads[PEERS];
        unsigned char *body = malloc(LARGE);
        context = zmq_ctx_new();
        void *pull = new_socket(context, ZMQ_PULL);
        set_int(pull, ZMQ_RCVHWM, round % 3 ? 1000 : 7);
        bind_any(pull, connected[round % CONNECTED], endpoint);
        for (intptr_t k = 0; k < peers; ++k)
            threads[k] = start_thread(send_in_bursts, (void *)k);
        for (int left = peers * 3 * PER_CONNECTION; left > 0;) {
            struct parcel parcel;
            if (!receive_somehow(pull, &random, body))
                continue;
            memcpy(&parcel, body, sizeof parcel);
            /* The connections of one peer may overlap; within one, order holds. */
            next[parcel.peer]++;
            --left;
        }
        for (int k = 0; k < peers; ++k) {
            join(threads[k]);
            CHECK(next[k] == 3 * PER_CONNECTION);
        }
        free(body);
        CHECK(zmq_close(pull) == 0);
        CHECK(zmq_ctx_term(context) == 0);
    }
}

static void one_peer(void)
{
    all_ways(1);
}

static void several_peers(void)
{
    all_ways(PEERS);
}

/* --- questions and answers, from both sides in random ways --- */

static void *answer(void *unused)
{
    unsigned random = seed() * 7 + 5;
    unsigned char *body = malloc(LARGE);
    void *socket = new_socket(context, ZMQ_REP);
    (void)unused;
    CHECK(zmq_connect(socket, endpoint) == 0);
    for (;;) {
        while (!receive_somehow(socket, &random, body))
            ;
        CHECK(zmq_send(socket, body, sizeof(struct parcel), 0) == sizeof(struct parcel));
        if (((struct parcel *)body)->peer)
            break;
    }
    free(body);
    CHECK(zmq_close(socket) == 0);
    return NULL;
}

static void questions(void)
{
    for (int round = 0; round < rounds(); ++round) {
        unsigned random = seed() + (unsigned)round * 331;
        unsigned char *body = malloc(LARGE);
        context = zmq_ctx_new();
        void *socket = new_socket(context, ZMQ_REQ);
        set_int(socket, ZMQ_HEARTBEAT_IVL, round % 3 ? 0 : 5);
        set_int(socket, ZMQ_HEARTBEAT_TIMEOUT, 60000);
        bind_any(socket, wildcards[round % TRANSPORTS], endpoint);
        pthread_t thread = start_thread(answer, NULL);
        for (int number = 0; number < 500; ++number) {
            struct parcel parcel = {number == 499, number};
            CHECK(zmq_send(socket, &parcel, sizeof parcel, 0) == sizeof parcel);
            while (!receive_somehow(socket, &random, body))
                ;
            CHECK(((struct parcel *)body)->number == number);
        }
        join(thread);
        free(body);
        CHECK(zmq_close(socket) == 0);
        CHECK(zmq_ctx_term(context) == 0);
    }
}

/* --- a peer that is not silent, only not listened to --- */

static void *send_more_than_fits(void *number)
{
    void *push = new_socket(context, ZMQ_PUSH);
    CHECK(zmq_connect(push, endpoint) == 0);
    for (intptr_t left = (intptr_t)number; left > 0; --left)
        CHECK(zmq_send(push, &left, sizeof left, 0) == sizeof left);
    while (atomic_load(&received) < (int)(intptr_t)number)
        pause_ms(1);
    CHECK(zmq_close(push) == 0);
    return NULL;
}

/* While the pipe has no room, PONGs wait behind messages. */
static void heartbeats_without_room(void)
{
    enum { NUMBERS = 3000 };
    for (int i = 0; i < CONNECTED; ++i) {
        context = zmq_ctx_new();
        atomic_store(&received, 0);
        void *pull = new_socket(context, ZMQ_PULL);
        set_int(pull, ZMQ_RCVHWM, 1);
        set_int(pull, ZMQ_HEARTBEAT_IVL, 5);
        set_int(pull, ZMQ_HEARTBEAT_TIMEOUT, 20);
        bind_any(pull, connected[i], endpoint);
        pthread_t thread = start_thread(send_more_than_fits, (void *)(intptr_t)NUMBERS);
        for (intptr_t left = NUMBERS, number; left > 0; --left) {
            if (left % 500 == 0)
                pause_ms(100);
            CHECK(zmq_recv(pull, &number, sizeof number, 0) == sizeof number);
            CHECK(number == left);
        }
        atomic_store(&received, NUMBERS);
        join(thread);
        CHECK(zmq_close(pull) == 0);
        CHECK(zmq_ctx_term(context) == 0);
    }
}

/* --- a peer that is silent, while a thread waits for it --- */

static void *wait_for_more(void *pull)
{
    int number;
    REFUSED(ETERM, zmq_recv(pull, &number, sizeof number, 0));
    CHECK(zmq_close(pull) == 0);
    return NULL;
}

/* A connection that says what a PUSH socket says, and a message; it answers no PING. */
static int connect_silent_peer(void)
{
    static const char greeting[64] = "\xff\0\0\0\0\0\0\0\1\x7f\3\1NULL";
    static const char ready[] = "\x04\x1a\x05READY\x0bSocket-Type\0\0\0\4PUSH";
    enum { HANDSHAKE = sizeof greeting + sizeof ready - 1 };
    char theirs[HANDSHAKE];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons((uint16_t)atoi(strrchr(endpoint, ':') + 1));
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(descriptor, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(send(descriptor, greeting, sizeof greeting, 0) == sizeof greeting);
    CHECK(send(descriptor, ready, sizeof ready - 1, 0) == sizeof ready - 1);
    CHECK(recv(descriptor, theirs, sizeof theirs, MSG_WAITALL) == sizeof theirs);
    CHECK(send(descriptor, "\0\1m", 3, 0) == 3);
    return descriptor;
}

/* Heartbeats end the connection, whoever was to receive from it. */
static void silent_peer(void)
{
    char bytes[1000];
    context = zmq_ctx_new();
    void *pull = new_socket(context, ZMQ_PULL);
    set_int(pull, ZMQ_HEARTBEAT_IVL, 20);
    set_int(pull, ZMQ_HEARTBEAT_TIMEOUT, 60);
    bind_any(pull, "tcp://127.0.0.1:*", endpoint);
    int peer = connect_silent_peer();
    CHECK(zmq_recv(pull, bytes, sizeof bytes, 0) == 1);
    pthread_t thread = start_thread(wait_for_more, pull);
    while (recv(peer, bytes, sizeof bytes, 0) > 0)
        ;
    close(peer);
    CHECK(zmq_ctx_shutdown(context) == 0);
    join(thread);
    CHECK(zmq_ctx_term(context) == 0);
}

/* --- a thread that waits for messages or for room, whatever comes first --- */

static atomic_int is_over;

/* Takes all there is, every now and then. */
static void *make_room(void *unused)
{
    unsigned random = seed() * 3 + 1;
    void *socket = new_socket(context, ZMQ_DEALER);
    char byte;
    (void)unused;
    set_int(socket, ZMQ_RCVHWM, 1);
    CHECK(zmq_connect(socket, endpoint) == 0);
    while (!atomic_load(&is_over)) {
        for (volatile int moments = rand_r(&random) % 20000; moments > 0; --moments)
            ;
        while (zmq_recv(socket, &byte, 1, ZMQ_DONTWAIT) == 1)
            ;
    }
    CHECK(zmq_close(socket) == 0);
    return NULL;
}

static void room_or_message(void)
{
    for (int i = 0; i < TRANSPORTS; ++i) {
        context = zmq_ctx_new();
        atomic_store(&is_over, 0);
        void *socket = new_socket(context, ZMQ_DEALER);
        zmq_pollitem_t item = {socket, 0, ZMQ_POLLIN | ZMQ_POLLOUT, 0};
        set_int(socket, ZMQ_SNDHWM, 1);
        set_int(socket, ZMQ_SNDBUF, 4096);
        set_int(socket, ZMQ_BUSY_POLL, 1);
        bind_any(socket, wildcards[i], endpoint);
        pthread_t thread = start_thread(make_room, NULL);
        for (int left = 100 * rounds(); left > 0; --left) {
            CHECK(zmq_poll(&item, 1, -1) == 1);
            CHECK(item.revents == ZMQ_POLLOUT);
            while (zmq_send(socket, "x", 1, ZMQ_DONTWAIT) == 1)
                ;
            CHECK(errno == EAGAIN);
        }
        atomic_store(&is_over, 1);
        join(thread);
        set_int(socket, ZMQ_LINGER, 0);
        CHECK(zmq_close(socket) == 0);
        CHECK(zmq_ctx_term(context) == 0);
    }
}

/* --- what zmq_poll found by looking is no secret --- */

static void *send_one(void *socket)
{
    usleep(20);
    CHECK(zmq_send(socket, "x", 1, 0) == 1);
    return NULL;
}

/* A poller learns of a message that zmq_poll has seen and nobody has taken. */
static void poller_after_poll(void)
{
    for (int round = 0; round < 4 * rounds(); ++round) {
        char byte;
        zmq_poller_event_t event;
        context = zmq_ctx_new();
        void *pull = new_socket(context, ZMQ_PULL), *push = new_socket(context, ZMQ_PUSH);
        void *poller = zmq_poller_new();
        zmq_pollitem_t item = {pull, 0, ZMQ_POLLIN, 0};
        set_int(pull, ZMQ_BUSY_POLL, 1);
        bind_any(pull, wildcards[round % TRANSPORTS], endpoint);
        CHECK(zmq_connect(push, endpoint) == 0);
        CHECK(zmq_poller_add(poller, pull, NULL, ZMQ_POLLIN) == 0);
        for (int i = 0; i < 20; ++i) {
            while (zmq_poller_wait(poller, &event, 0) == 0)
                CHECK(zmq_recv(pull, &byte, 1, ZMQ_DONTWAIT) == 1);
            pthread_t thread = start_thread(send_one, push);
            CHECK(zmq_poll(&item, 1, -1) == 1);
            CHECK(zmq_poller_wait(poller, &event, -1) == 0);
            CHECK(zmq_recv(pull, &byte, 1, 0) == 1);
            join(thread);
        }
        CHECK(zmq_poller_destroy(&poller) == 0);
        CHECK(zmq_close(push) == 0);
        CHECK(zmq_close(pull) == 0);
        CHECK(zmq_ctx_term(context) == 0);
    }
}

/* The descriptor of a REQ tells of the reply, though nobody asked for its events after the request. */
static void descriptor_after_request(void)
{
    for (int i = 0; i < TRANSPORTS; ++i) {
        char byte;
        context = zmq_ctx_new();
        void *req = new_socket(context, ZMQ_REQ), *rep = new_socket(context, ZMQ_REP);
        bind_any(rep, wildcards[i], endpoint);
        CHECK(zmq_connect(req, endpoint) == 0);
        struct pollfd descriptor = {int_of(req, ZMQ_FD), POLLIN, 0};
        for (int round = 0; round < 20; ++round) {
            CHECK(zmq_send(req, "q", 1, 0) == 1);
            CHECK(zmq_recv(rep, &byte, 1, 0) == 1);
            CHECK(zmq_send(rep, "a", 1, 0) == 1);
            CHECK(poll(&descriptor, 1, -1) == 1);
            CHECK(zmq_recv(req, &byte, 1, 0) == 1);
        }
        CHECK(zmq_close(req) == 0);
        CHECK(zmq_close(rep) == 0);
        CHECK(zmq_ctx_term(context) == 0);
    }
}

static void *send_some(void *socket)
{
    for (int left = 20; left > 0; --left) {
        usleep(100);
        CHECK(zmq_send(socket, "1", 1, 0) == 1);
    }
    return NULL;
}

static void *send_later(void *socket)
{
    pause_ms(20);
    CHECK(zmq_send(socket, "2", 1, 0) == 1);
    return NULL;
}

/* The connection that zmq_poll looked at is read on while another peer has more than is taken. */
static void another_peer_while_polling(void)
{
    enum { MOST = 20000 };
    char byte, near[] = "inproc://another";
    context = zmq_ctx_new();
    void *pull = new_socket(context, ZMQ_PULL);
    void *first = new_socket(context, ZMQ_PUSH), *second = new_socket(context, ZMQ_PUSH);
    zmq_pollitem_t item = {pull, 0, ZMQ_POLLIN, 0};
    set_int(pull, ZMQ_BUSY_POLL, 500000);
    CHECK(zmq_bind(pull, near) == 0);
    bind_any(pull, "tcp://127.0.0.1:*", endpoint);
    CHECK(zmq_connect(first, endpoint) == 0);
    pthread_t thread = start_thread(send_some, first);
    for (int left = 20; left > 0; --left)
        CHECK(zmq_recv(pull, &byte, 1, 0) == 1);
    join(thread);
    CHECK(zmq_connect(second, near) == 0);
    thread = start_thread(send_later, second);
    CHECK(zmq_poll(&item, 1, -1) == 1);
    join(thread);
    CHECK(zmq_send(first, "1", 1, 0) == 1);
    /* Others have messages all the time, so that nothing is waited for. */
    int found = 0;
    for (int sent = 0; !found; ++sent) {
        CHECK(sent < MOST);
        CHECK(zmq_send(second, "2", 1, 0) == 1);
        CHECK(zmq_recv(pull, &byte, 1, ZMQ_DONTWAIT) == 1);
        found = byte == '1';
        usleep(100);
    }
    CHECK(zmq_close(first) == 0);
    CHECK(zmq_close(second) == 0);
    CHECK(zmq_close(pull) == 0);
    CHECK(zmq_ctx_term(context) == 0);
}

CASES({"second_peer", second_peer},
      {"poller_after_poll", poller_after_poll},
      {"descriptor_after_request", descriptor_after_request},
      {"another_peer_while_polling", another_peer_while_polling},
      {"room_or_message", room_or_message},
      {"silent_peer", silent_peer},
      {"heartbeats_without_room", heartbeats_without_room},
      {"one_peer", one_peer},
      {"several_peers", several_peers},
      {"questions", questions})
