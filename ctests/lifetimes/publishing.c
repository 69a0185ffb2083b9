/* What is published reaches each subscriber whole, in order and, where the publisher waits, without a
 * gap: with topics that change, parts and sizes of all kinds, and subscribers that come, go and dawdle. */
#define _GNU_SOURCE
#include "lifetimes.h"

#include <stdatomic.h>

enum { SUBSCRIBERS = 6, LIVES = 4, PARTS = 4, LARGE = 40000 };

static void *context;
static char endpoints[TRANSPORTS][ENDPOINT_SIZE];
static atomic_int done;
static int waits;

static unsigned seed(void)
{
    const char *given = getenv("LIFETIMES_SEED");
    return given ? (unsigned)atoi(given) : 1;
}

static int rounds(void)
{
    return getenv("LIFETIMES_SMALL") ? 2 : getenv("LIFETIMES_FULL") ? 300 : 15;
}

/* Everything about a message follows from its number, so that whoever gets it can check it. */
static unsigned hash(unsigned value)
{
    value = (value ^ value >> 16) * 0x45d9f3bu;
    value = (value ^ value >> 16) * 0x45d9f3bu;
    return value ^ value >> 16;
}

/* Long runs with one topic, and short ones. */
static char topic_of(unsigned number)
{
    unsigned run = hash(seed() + number / 400) % 4 ? number / 100 : number / 3;
    return (char)('a' + hash(seed() * 3 + run) % 3);
}

static int parts_of(unsigned number)
{
    return hash(number / 200) % 3 ? 1 : 1 + (int)(hash(number) % PARTS);
}

static size_t size_of(unsigned number, int part)
{
    unsigned random = hash(number * PARTS + (unsigned)part);
    size_t least = part == 0 ? 1 + sizeof number : 0;
    if (random % 700 == 0)
        return LARGE;
    return least + (hash(number / 300) % 5 ? random % 80 : random % 3000);
}

static void fill(unsigned char *body, unsigned number, int part)
{
    memset(body, (int)(number + (unsigned)part) & 0xff, size_of(number, part));
    if (part == 0) {
        body[0] = (unsigned char)topic_of(number);
        memcpy(body + 1, &number, sizeof number);
    }
}

static void publish(void *socket, unsigned char *body, unsigned number)
{
    int parts = parts_of(number);
    for (int part = 0; part < parts; ++part) {
        int more = part + 1 < parts ? ZMQ_SNDMORE : 0;
        size_t size = size_of(number, part);
        fill(body, number, part);
        if (hash(number) % 2) {
            CHECK(zmq_send(socket, body, size, more) == (int)size);
        } else {
            zmq_msg_t message;
            CHECK(zmq_msg_init_size(&message, size) == 0);
            memcpy(zmq_msg_data(&message), body, size);
            CHECK(zmq_msg_send(&message, socket, more) == (int)size);
        }
    }
}

/* Receives one message and gives its number. */
static unsigned receive(void *socket, unsigned char *body, unsigned char *expected)
{
    unsigned number = 0;
    int parts = 1;
    for (int part = 0; part < parts; ++part) {
        int size = zmq_recv(socket, body, LARGE, 0);
        if (part == 0) {
            CHECK(size >= 1 + (int)sizeof number);
            memcpy(&number, body + 1, sizeof number);
            parts = parts_of(number);
        }
        CHECK(size == (int)size_of(number, part));
        fill(expected, number, part);
        CHECK(memcmp(body, expected, (size_t)size) == 0);
        CHECK(int_of(socket, ZMQ_RCVMORE) == (part + 1 < parts));
    }
    return number;
}

static void *subscribe(void *argument)
{
    int which = (int)(intptr_t)argument;
    unsigned random = seed() * 17 + (unsigned)which;
    static const char *const interests[] = {"", "ab", "a"};
    unsigned char *body = malloc(LARGE), *expected = malloc(LARGE);
    for (int life = 0; life < LIVES; ++life) {
        const char *topics = interests[which < 4 ? 0 : rand_r(&random) % 3];
        int dawdles = rand_r(&random) % 3 == 0;
        void *socket = new_socket(context, ZMQ_SUB);
        set_int(socket, ZMQ_RCVHWM, rand_r(&random) % 2 ? 1000 : 1 + rand_r(&random) % 50);
        CHECK(zmq_connect(socket, endpoints[(which + life) % TRANSPORTS]) == 0);
        if (!*topics)
            CHECK(zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0) == 0);
        for (const char *topic = topics; *topic; ++topic)
            CHECK(zmq_setsockopt(socket, ZMQ_SUBSCRIBE, topic, 1) == 0);
        unsigned last = 0;
        for (int left = 200 + rand_r(&random) % 3000; left > 0; --left) {
            unsigned number = receive(socket, body, expected);
            CHECK(!*topics || strchr(topics, topic_of(number)));
            CHECK(last == 0 || number > last);
            /* Between the two, nothing for us. The two subscriptions come one after the other. */
            if (waits && last && strlen(topics) < 2)
                for (unsigned missed = last + 1; missed < number; ++missed)
                    CHECK(*topics && !strchr(topics, topic_of(missed)));
            last = number;
            if (dawdles && rand_r(&random) % 100 == 0)
                usleep((useconds_t)rand_r(&random) % 500);
        }
        CHECK(zmq_close(socket) == 0);
    }
    free(body);
    free(expected);
    atomic_fetch_add(&done, 1);
    return NULL;
}

static void publish_to_all(int publisher_waits)
{
    unsigned char *body = malloc(LARGE);
    waits = publisher_waits;
    for (int round = 0; round < rounds(); ++round) {
        unsigned random = seed() + (unsigned)round * 613;
        pthread_t threads[SUBSCRIBERS];
        context = zmq_ctx_new();
        atomic_store(&done, 0);
        void *socket = new_socket(context, round % 2 ? ZMQ_XPUB : ZMQ_PUB);
        set_int(socket, ZMQ_XPUB_NODROP, waits);
        set_int(socket, ZMQ_SNDHWM, round % 3 ? 1000 : 3);
        for (int i = 0; i < TRANSPORTS; ++i)
            bind_any(socket, wildcards[i], endpoints[i]);
        for (intptr_t i = 0; i < SUBSCRIBERS; ++i)
            threads[i] = start_thread(subscribe, (void *)i);
        for (unsigned number = 1; atomic_load(&done) < SUBSCRIBERS; ++number) {
            publish(socket, body, number);
            if (rand_r(&random) % 5000 == 0)
                set_int(socket, ZMQ_SNDHWM, 1 + rand_r(&random) % 2000);
            if (rand_r(&random) % 300 == 0)
                usleep((useconds_t)rand_r(&random) % 300);
        }
        for (int i = 0; i < SUBSCRIBERS; ++i)
            join(threads[i]);
        CHECK(zmq_close(socket) == 0);
        CHECK(zmq_ctx_term(context) == 0);
    }
    free(body);
}

static void waiting_for_the_slowest(void)
{
    publish_to_all(1);
}

static void dropping(void)
{
    publish_to_all(0);
}

/* --- silence after each burst: whoever sleeps is woken by the last message as well --- */

static atomic_int counted;

static void *count_all(void *argument)
{
    unsigned number;
    void *socket = new_socket(context, ZMQ_SUB);
    CHECK(zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0) == 0);
    CHECK(zmq_connect(socket, endpoints[(intptr_t)argument % TRANSPORTS]) == 0);
    do {
        CHECK(zmq_recv(socket, &number, sizeof number, 0) == sizeof number);
        atomic_fetch_add(&counted, 1);
    } while (number);
    CHECK(zmq_close(socket) == 0);
    return NULL;
}

static void publish_number(void *socket, unsigned number)
{
    CHECK(zmq_send(socket, &number, sizeof number, 0) == sizeof number);
}

static void bursts(void)
{
    unsigned random = seed() * 41;
    pthread_t threads[SUBSCRIBERS];
    context = zmq_ctx_new();
    void *socket = new_socket(context, ZMQ_XPUB);
    set_int(socket, ZMQ_XPUB_VERBOSE, 1);
    for (int i = 0; i < TRANSPORTS; ++i)
        bind_any(socket, wildcards[i], endpoints[i]);
    for (intptr_t i = 0; i < SUBSCRIBERS; ++i)
        threads[i] = start_thread(count_all, (void *)i);
    for (int i = 0; i < SUBSCRIBERS; ++i)
        CHECK(zmq_recv(socket, NULL, 0, 0) == 1);
    for (int burst = 0, sent = 0; burst < rounds() * 200; ++burst) {
        for (int left = 1 + rand_r(&random) % 40; left > 0; --left, ++sent)
            publish_number(socket, 1);
        while (atomic_load(&counted) < sent * SUBSCRIBERS)
            rand_r(&random) % 4 ? (void)sched_yield() : pause_ms(1);
    }
    publish_number(socket, 0);
    for (int i = 0; i < SUBSCRIBERS; ++i)
        join(threads[i]);
    CHECK(zmq_close(socket) == 0);
    CHECK(zmq_ctx_term(context) == 0);
}

CASES({"waiting_for_the_slowest", waiting_for_the_slowest}, {"dropping", dropping}, {"bursts", bursts})
