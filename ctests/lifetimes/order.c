/* Nothing is lost and nothing overtakes: PUSH to PULL with numbered messages of many sizes, small
 * high-water marks, slow and fast readers. */
#define _GNU_SOURCE
#include "lifetimes.h"

static void *context;
static char endpoint[ENDPOINT_SIZE];
static int sndhwm, rcvhwm;

static int messages(void)
{
    return getenv("LIFETIMES_SMALL") ? 300 : getenv("LIFETIMES_FULL") ? 1000000 : 30000;
}

enum { LARGEST = 200 * 1024 };

/* Mostly small, now and then around every size at which something changes. */
static size_t size_of(uint32_t number)
{
    uint32_t hash = number * 2654435761u;
    static const size_t borders[] = {0, 1, 28, 33, 254, 255, 256, 8191, 8192, 32767, 32768, 65535, 65536, LARGEST - 3};
    if (hash % 50 == 0)
        return borders[hash / 50 % (sizeof borders / sizeof *borders)] + hash / 1000 % 3;
    if (hash % 1000 == 1)
        return hash / 1000 % LARGEST;
    return hash / 1000 % (hash % 7 ? 60 : 1500);
}

/* A body carries as much of its number as has room, and a pattern at its end. */
static void check_body(const unsigned char *body, size_t size, uint32_t number)
{
    CHECK(size == size_of(number));
    if (size >= sizeof number)
        CHECK(memcmp(body, &number, sizeof number) == 0);
    if (size > sizeof number)
        CHECK(body[size - 1] == (unsigned char)(number * 31));
}

static void make_body(unsigned char *body, uint32_t number)
{
    size_t size = size_of(number);
    if (size >= sizeof number)
        memcpy(body, &number, sizeof number);
    if (size > sizeof number)
        body[size - 1] = (unsigned char)(number * 31);
}

static int is_last_part(uint32_t number, uint32_t count)
{
    return number + 1 == count || number % 5 != 2;
}

static void *push_all(void *unused)
{
    (void)unused;
    void *push = new_socket(context, ZMQ_PUSH);
    unsigned char *body = calloc(1, LARGEST + 8);
    set_int(push, ZMQ_SNDHWM, sndhwm);
    CHECK(zmq_connect(push, endpoint) == 0);
    for (uint32_t i = 0, count = (uint32_t)messages(); i < count; ++i) {
        size_t size = size_of(i);
        make_body(body, i);
        int more = is_last_part(i, count) ? 0 : ZMQ_SNDMORE;
        if (i % 3) {
            CHECK(zmq_send(push, body, size, more) == (int)size);
        } else {
            zmq_msg_t message;
            CHECK(zmq_msg_init_size(&message, size) == 0);
            memcpy(zmq_msg_data(&message), body, size);
            CHECK(zmq_msg_send(&message, push, more) == (int)size);
        }
    }
    free(body);
    CHECK(zmq_close(push) == 0);
    return NULL;
}

static void pull_all(void *pull, int slow)
{
    unsigned char *body = malloc(LARGEST + 8);
    for (uint32_t i = 0, count = (uint32_t)messages(); i < count; ++i) {
        if (slow && i % 4096 == 0)
            pause_ms(2);
        if (i % 2) {
            int size = zmq_recv(pull, body, LARGEST + 8, 0);
            CHECK(size >= 0);
            check_body(body, (size_t)size, i);
        } else {
            zmq_msg_t message;
            zmq_msg_init(&message);
            CHECK(zmq_msg_recv(&message, pull, 0) >= 0);
            check_body(zmq_msg_data(&message), zmq_msg_size(&message), i);
            zmq_msg_close(&message);
        }
        CHECK(int_of(pull, ZMQ_RCVMORE) == !is_last_part(i, count));
    }
    free(body);
}

static void transfer(const char *wildcard, int send_mark, int receive_mark, int slow)
{
    context = zmq_ctx_new();
    sndhwm = send_mark;
    rcvhwm = receive_mark;
    void *pull = new_socket(context, ZMQ_PULL);
    set_int(pull, ZMQ_RCVHWM, rcvhwm);
    bind_any(pull, wildcard, endpoint);
    pthread_t thread = start_thread(push_all, NULL);
    pull_all(pull, slow);
    join(thread);
    CHECK(zmq_close(pull) == 0);
    CHECK(zmq_ctx_term(context) == 0);
}

static void all_transports(int send_mark, int receive_mark)
{
    for (int i = 0; i < TRANSPORTS; ++i)
        for (int slow = 0; slow < 2; ++slow)
            transfer(wildcards[i], send_mark, receive_mark, slow);
}

static void marks_of_one(void)
{
    all_transports(1, 1);
}

static void marks_of_two_and_three(void)
{
    all_transports(2, 3);
    all_transports(3, 2);
}

static void marks_of_one_and_thousand(void)
{
    all_transports(1, 1000);
    all_transports(1000, 1);
}

static void marks_of_ten(void)
{
    all_transports(10, 10);
}

static void marks_of_thousand(void)
{
    all_transports(1000, 1000);
}

static void no_marks(void)
{
    for (int i = 0; i < TRANSPORTS; ++i)
        transfer(wildcards[i], 1000, 0, 0);
}

/* Many senders into one receiver: each one's messages stay in order. */
enum { SENDERS = 8 };

static void *push_some(void *number)
{
    void *push = new_socket(context, ZMQ_PUSH);
    set_int(push, ZMQ_SNDHWM, sndhwm);
    CHECK(zmq_connect(push, endpoint) == 0);
    int pair[2] = {(int)(intptr_t)number, 0};
    for (int count = messages() / SENDERS; pair[1] < count; ++pair[1])
        CHECK(zmq_send(push, pair, sizeof pair, 0) == sizeof pair);
    CHECK(zmq_close(push) == 0);
    return NULL;
}

static void many_senders(void)
{
    static const int marks[] = {1, 3, 1000};
    for (int i = 0; i < TRANSPORTS; ++i) {
        for (int m = 0; m < 3; ++m) {
            pthread_t threads[SENDERS];
            int next[SENDERS] = {0}, pair[2];
            context = zmq_ctx_new();
            CHECK(zmq_ctx_set(context, ZMQ_IO_THREADS, 1 + m) == 0);
            sndhwm = marks[m];
            void *pull = new_socket(context, ZMQ_PULL);
            set_int(pull, ZMQ_RCVHWM, marks[m]);
            bind_any(pull, wildcards[i], endpoint);
            for (intptr_t k = 0; k < SENDERS; ++k)
                threads[k] = start_thread(push_some, (void *)k);
            for (int k = 0, count = messages() / SENDERS * SENDERS; k < count; ++k) {
                CHECK(zmq_recv(pull, pair, sizeof pair, 0) == sizeof pair);
                CHECK(pair[1] == next[pair[0]]++);
            }
            for (int k = 0; k < SENDERS; ++k)
                join(threads[k]);
            CHECK(zmq_close(pull) == 0);
            CHECK(zmq_ctx_term(context) == 0);
        }
    }
}

/* Subscribers that fall behind miss messages, but whole ones, and get the others as they were. */
enum { SUBSCRIBERS = 6, PARTS = 3 };

static void *subscribe(void *number)
{
    static const int marks[] = {1, 2, 5, 20, 100, 1000};
    int mine = (int)(intptr_t)number;
    void *sub = new_socket(context, mine % 2 ? ZMQ_SUB : ZMQ_XSUB);
    set_int(sub, ZMQ_RCVHWM, marks[mine]);
    CHECK(zmq_connect(sub, endpoint) == 0);
    if (mine % 2)
        CHECK(zmq_setsockopt(sub, ZMQ_SUBSCRIBE, "", 0) == 0);
    else
        CHECK(zmq_send(sub, "\1", 1, 0) == 1);
    uint32_t last = 0, values[2] = {0, 0};
    for (int count = 0; values[0] != UINT32_MAX; ++count) {
        for (uint32_t part = 0; part < PARTS; ++part) {
            zmq_msg_t message;
            zmq_msg_init(&message);
            CHECK(zmq_msg_recv(&message, sub, 0) >= (int)sizeof values);
            unsigned char *body = zmq_msg_data(&message);
            memcpy(values, body, sizeof values);
            CHECK(part == 0 ? values[0] > last : values[0] == last);
            CHECK(values[1] == part);
            for (size_t i = sizeof values; i < zmq_msg_size(&message); ++i)
                CHECK(body[i] == (unsigned char)(values[0] + part));
            CHECK(zmq_msg_more(&message) == (part + 1 < PARTS));
            zmq_msg_close(&message);
            last = values[0];
        }
        if (count % 300 == 299)
            pause_ms(mine);
    }
    CHECK(zmq_close(sub) == 0);
    return NULL;
}

static void publish(void *publisher, uint32_t number, int small)
{
    for (uint32_t part = 0; part < PARTS; ++part) {
        uint32_t values[2] = {number, part};
        size_t size = sizeof values + (small ? 0 : size_of(number * PARTS + part));
        zmq_msg_t message;
        CHECK(zmq_msg_init_size(&message, size) == 0);
        memset(zmq_msg_data(&message), (int)(number + part), size);
        memcpy(zmq_msg_data(&message), values, sizeof values);
        CHECK(zmq_msg_send(&message, publisher, part + 1 < PARTS ? ZMQ_SNDMORE : 0) == (int)size);
    }
}

static void *wait_for(void *threads)
{
    for (int i = 0; i < SUBSCRIBERS; ++i)
        join(((pthread_t *)threads)[i]);
    return NULL;
}

static void publishing_over_the_mark(void)
{
    static const int marks[] = {1, 3, 50};
    for (int i = 0; i < TRANSPORTS; ++i) {
        for (int m = 0; m < 3; ++m) {
            pthread_t threads[SUBSCRIBERS];
            unsigned char topic[8];
            context = zmq_ctx_new();
            void *publisher = new_socket(context, ZMQ_XPUB);
            set_int(publisher, ZMQ_SNDHWM, marks[m]);
            set_int(publisher, ZMQ_LINGER, 0);
            set_int(publisher, ZMQ_XPUB_VERBOSE, 1);
            bind_any(publisher, wildcards[i], endpoint);
            for (intptr_t k = 0; k < SUBSCRIBERS; ++k)
                threads[k] = start_thread(subscribe, (void *)k);
            for (int k = 0; k < SUBSCRIBERS; ++k)
                CHECK(zmq_recv(publisher, topic, sizeof topic, 0) == 1);
            for (uint32_t number = 1, count = (uint32_t)messages(); number < count; ++number) {
                publish(publisher, number, 0);
                if (number % 64 == 0)
                    pause_ms(1);
            }
            /* The last one is repeated until everybody had it. */
            pthread_t all = start_thread(wait_for, threads);
            while (pthread_tryjoin_np(all, NULL) == EBUSY) {
                publish(publisher, UINT32_MAX, 1);
                pause_ms(1);
            }
            CHECK(zmq_close(publisher) == 0);
            CHECK(zmq_ctx_term(context) == 0);
        }
    }
}

/* Signals end a proxy again and again, and it is started anew. */
static void interrupted_proxies(void)
{
    static const int marks[] = {1, 3, 1000};
    let_interrupt(SIGUSR1);
    for (int i = 0; i < TRANSPORTS; ++i) {
        for (int m = 0; m < 3; ++m) {
            char out[ENDPOINT_SIZE];
            context = zmq_ctx_new();
            sndhwm = marks[m];
            void *ends[] = {new_socket(context, ZMQ_PULL), new_socket(context, ZMQ_PUSH)};
            void *pull = new_socket(context, ZMQ_PULL);
            set_int(ends[0], ZMQ_RCVHWM, marks[m]);
            set_int(ends[1], ZMQ_SNDHWM, marks[m]);
            set_int(pull, ZMQ_RCVHWM, marks[m]);
            bind_any(ends[0], wildcards[i], endpoint);
            bind_any(ends[1], i ? wildcards[i] : "inproc://out", out);
            CHECK(zmq_connect(pull, out) == 0);
            pthread_t sender = start_thread(push_all, NULL), proxy = start_thread(proxy_to_the_end, ends);
            struct tormentor tormentor = {.victim = proxy, .pause_us = 20};
            pthread_t interrupter = start_thread(torment, &tormentor);
            pull_all(pull, 1);
            __atomic_store_n(&tormentor.stop, 1, __ATOMIC_SEQ_CST);
            join(interrupter);
            join(sender);
            CHECK(zmq_ctx_shutdown(context) == 0);
            join(proxy);
            CHECK(zmq_close(pull) == 0);
            CHECK(zmq_ctx_term(context) == 0);
        }
    }
}

CASES({"marks_of_one", marks_of_one},
      {"marks_of_two_and_three", marks_of_two_and_three},
      {"marks_of_one_and_thousand", marks_of_one_and_thousand},
      {"marks_of_ten", marks_of_ten},
      {"marks_of_thousand", marks_of_thousand},
      {"no_marks", no_marks},
      {"many_senders", many_senders},
      {"publishing_over_the_mark", publishing_over_the_mark},
      {"interrupted_proxies", interrupted_proxies})
