/* What goes through a proxy comes out on the other side, at once and in order, whoever else keeps it
 * busy. */
#define _GNU_SOURCE
#include "lifetimes.h"

enum { CLIENTS = 12, IN_FLIGHT = 8, MOST_PARTS = 3, LARGEST = 3000 };

static void *context;

static int rounds(void)
{
    return getenv("LIFETIMES_SMALL") ? 20 : getenv("LIFETIMES_FULL") ? 20000 : 500;
}

/* Sends every message back as it is. */
static void *echo(void *worker)
{
    zmq_msg_t part;
    CHECK(zmq_msg_init(&part) == 0);
    while (zmq_msg_recv(&part, worker, 0) != -1) {
        const int more = zmq_msg_more(&part);
        CHECK(zmq_msg_send(&part, worker, more ? ZMQ_SNDMORE : 0) != -1);
    }
    CHECK(errno == ETERM);
    CHECK(zmq_msg_close(&part) == 0);
    CHECK(zmq_close(worker) == 0);
    return NULL;
}

static int parts_of(uint32_t number)
{
    return 1 + (int)(number * 2654435761u >> 8) % MOST_PARTS;
}

/* Each part begins with the message's number and its own. */
static size_t make_part(unsigned char *body, uint32_t number, uint32_t part)
{
    const uint32_t head[] = {number, part};
    const uint32_t hash = (number * 31 + part) * 2654435761u;
    memcpy(body, head, sizeof head);
    return sizeof head + (hash % 20 ? hash / 100 % 100 : hash / 100 % (LARGEST - sizeof head));
}

static void ask(void *client, uint32_t number)
{
    unsigned char body[LARGEST] = {0};
    for (int part = 0, parts = parts_of(number); part < parts; ++part) {
        const size_t size = make_part(body, number, (uint32_t)part);
        CHECK(zmq_send(client, body, size, part + 1 < parts ? ZMQ_SNDMORE : 0) == (int)size);
    }
}

static void check_answer(void *client, uint32_t number)
{
    unsigned char body[LARGEST], expected[LARGEST];
    for (int part = 0, parts = parts_of(number); part < parts; ++part) {
        const size_t size = make_part(expected, number, (uint32_t)part);
        CHECK(zmq_recv(client, body, sizeof body, 0) == (int)size);
        CHECK(memcmp(body, expected, 2 * sizeof number) == 0);
        CHECK(int_of(client, ZMQ_RCVMORE) == (part + 1 < parts));
    }
}

/* Clients with several requests under way each, and now and then one alone. */
static void many_clients(void)
{
    static const char *const wildcards[] = {"inproc://front", "ipc://*", "tcp://127.0.0.1:*"};
    let_interrupt(SIGUSR1);
    for (int i = 0; i < 3; ++i) {
        char front[ENDPOINT_SIZE], back[ENDPOINT_SIZE];
        void *clients[CLIENTS];
        context = zmq_ctx_new();
        void *ends[] = {new_socket(context, ZMQ_ROUTER), new_socket(context, ZMQ_DEALER)};
        bind_any(ends[0], wildcards[i], front);
        bind_any(ends[1], i ? wildcards[i] : "inproc://back", back);
        void *worker = new_socket(context, ZMQ_DEALER);
        CHECK(zmq_connect(worker, back) == 0);
        for (int c = 0; c < CLIENTS; ++c) {
            clients[c] = new_socket(context, ZMQ_DEALER);
            CHECK(zmq_connect(clients[c], front) == 0);
        }
        const pthread_t proxy = start_thread(proxy_to_the_end, ends), echoing = start_thread(echo, worker);
        struct tormentor tormentor = {.victim = proxy, .pause_us = 200};
        const pthread_t interrupter = start_thread(torment, &tormentor);
        for (uint32_t round = 0, number = 0; round < (uint32_t)rounds(); ++round) {
            const int under_way = round % 4 ? 1 + (int)round % IN_FLIGHT : 1;
            const int busy = round % 3 ? CLIENTS : 1;
            const uint32_t first = number;
            for (int k = 0; k < under_way; ++k)
                for (int c = 0; c < busy; ++c)
                    ask(clients[c], number++);
            for (int c = 0; c < busy; ++c)
                for (int k = 0; k < under_way; ++k)
                    check_answer(clients[c], first + (uint32_t)(k * busy + c));
        }
        __atomic_store_n(&tormentor.stop, 1, __ATOMIC_SEQ_CST);
        join(interrupter);
        for (int c = 0; c < CLIENTS; ++c)
            CHECK(zmq_close(clients[c]) == 0);
        CHECK(zmq_ctx_shutdown(context) == 0);
        join(proxy);
        join(echoing);
        CHECK(zmq_ctx_term(context) == 0);
    }
}

static void send_to(void *worker, const char *name, const char *body)
{
    CHECK(zmq_send(worker, name, strlen(name), ZMQ_SNDMORE) != -1);
    CHECK(zmq_send(worker, body, strlen(body), 0) != -1);
}

/* A proxy that waits for one peer's room has let the others see what is theirs. */
static void a_full_peer(void)
{
    enum { MESSAGES = 30, ROOM = 4 };
    context = zmq_ctx_new();
    void *ends[] = {new_socket(context, ZMQ_ROUTER), new_socket(context, ZMQ_DEALER)};
    set_int(ends[0], ZMQ_ROUTER_MANDATORY, 1);
    set_int(ends[0], ZMQ_SNDHWM, ROOM / 2);
    CHECK(zmq_bind(ends[0], "inproc://narrow") == 0);
    set_int(ends[0], ZMQ_SNDHWM, 1000);
    CHECK(zmq_bind(ends[0], "inproc://wide") == 0);
    CHECK(zmq_bind(ends[1], "inproc://back") == 0);
    void *full = new_socket(context, ZMQ_DEALER), *other = new_socket(context, ZMQ_DEALER);
    CHECK(zmq_setsockopt(full, ZMQ_ROUTING_ID, "full", 4) == 0);
    CHECK(zmq_setsockopt(other, ZMQ_ROUTING_ID, "other", 5) == 0);
    set_int(full, ZMQ_RCVHWM, ROOM / 2);
    CHECK(zmq_connect(full, "inproc://narrow") == 0);
    CHECK(zmq_connect(other, "inproc://wide") == 0);
    void *worker = new_socket(context, ZMQ_DEALER);
    CHECK(zmq_connect(worker, "inproc://back") == 0);
    for (int i = 0; i < MESSAGES; ++i) {
        send_to(worker, "other", "before");
        send_to(worker, "full", "much");
    }
    const pthread_t proxy = start_thread(proxy_to_the_end, ends);
    char body[16];
    for (int i = 0; i <= ROOM; ++i)
        CHECK(zmq_recv(other, body, sizeof body, 0) == 6);
    for (int i = 0; i < MESSAGES; ++i)
        CHECK(zmq_recv(full, body, sizeof body, 0) == 4);
    for (int i = ROOM + 1; i < MESSAGES; ++i)
        CHECK(zmq_recv(other, body, sizeof body, 0) == 6);
    CHECK(zmq_close(full) == 0);
    CHECK(zmq_close(other) == 0);
    CHECK(zmq_close(worker) == 0);
    CHECK(zmq_ctx_shutdown(context) == 0);
    join(proxy);
    CHECK(zmq_ctx_term(context) == 0);
}

CASES({"many_clients", many_clients}, {"a_full_peer", a_full_peer})
