/* zmq_poll over many sockets: every message to one of them ends the sleep, and so do the end of one of
 * them, the end of the context, a signal, and a descriptor among them. */
#define _GNU_SOURCE
#include "lifetimes.h"

enum { MANY = 12, LINES = MANY + 2 };

static void *context, *receivers[MANY], *senders[MANY], *go[2];
static zmq_pollitem_t items[LINES];
static int ends[2];

static unsigned draw(unsigned *seed, unsigned limit)
{
    *seed = *seed * 1103515245u + 12345u;
    return (*seed >> 16) % limit;
}

/* Sockets of all transports, one that nobody writes to, and the reading end of a pipe in the middle. */
static void open_all(void)
{
    char endpoint[ENDPOINT_SIZE], wildcard[40];
    context = zmq_ctx_new();
    CHECK(pipe(ends) == 0);
    for (int i = 0; i < MANY; ++i) {
        receivers[i] = new_socket(context, i % 2 ? ZMQ_PULL : ZMQ_DEALER);
        senders[i] = new_socket(context, i % 2 ? ZMQ_PUSH : ZMQ_DEALER);
        snprintf(wildcard, sizeof wildcard, "inproc://%d", i);
        bind_any(receivers[i], i % TRANSPORTS ? wildcards[i % TRANSPORTS] : wildcard, endpoint);
        CHECK(zmq_connect(senders[i], endpoint) == 0);
    }
    for (int k = 0; k < 2; ++k)
        go[k] = new_socket(context, ZMQ_PAIR);
    bind_any(go[0], "inproc://go", endpoint);
    CHECK(zmq_connect(go[1], endpoint) == 0);
    for (int i = 0; i < LINES; ++i) {
        void *socket = i < MANY / 2 ? receivers[i] : i == MANY / 2 ? NULL : i <= MANY ? receivers[i - 1] : go[0];
        items[i] = (zmq_pollitem_t){socket, socket ? 0 : ends[0], ZMQ_POLLIN, 0};
    }
}

static void close_all(void)
{
    for (int i = 0; i < MANY; ++i) {
        if (receivers[i])
            CHECK(zmq_close(receivers[i]) == 0);
        CHECK(zmq_close(senders[i]) == 0);
    }
    CHECK(zmq_close(go[0]) == 0);
    CHECK(zmq_close(go[1]) == 0);
    CHECK(zmq_ctx_term(context) == 0);
    CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
}

static int rounds(void)
{
    return getenv("LIFETIMES_SMALL") ? 100 : 20000;
}

/* Of each round one byte per message, sent to some of the lines at once, and on after an answer. */
static void *send_rounds(void *unused)
{
    (void)unused;
    unsigned seed = 7;
    char answer;
    for (int round = 0; round < rounds(); ++round) {
        for (unsigned i = 0, count = 1 + draw(&seed, 4); i < count; ++i) {
            unsigned to = draw(&seed, MANY + 1);
            char body = i + 1 == count;
            if (to == MANY)
                CHECK(write(ends[1], &body, 1) == 1);
            else
                CHECK(zmq_send(senders[to], &body, 1, 0) == 1);
        }
        CHECK(zmq_send(go[1], "", 0, 0) == 0);
        CHECK(zmq_recv(go[1], &answer, 1, 0) == 0);
    }
    return NULL;
}

static void every_message_ends_the_sleep(void)
{
    open_all();
    pthread_t thread = start_thread(send_rounds, NULL);
    for (int round = 0; round < rounds(); ++round) {
        int is_last = 0, is_over = 0;
        char body;
        while (!is_last || !is_over) {
            int ready = zmq_poll(items, LINES, -1), seen = 0;
            CHECK(ready > 0);
            for (int i = 0; i < LINES; ++i) {
                CHECK(items[i].revents == 0 || items[i].revents == ZMQ_POLLIN);
                if (!items[i].revents)
                    continue;
                ++seen;
                if (!items[i].socket)
                    CHECK(read(ends[0], &body, 1) == 1);
                else if (items[i].socket == go[0]) {
                    CHECK(zmq_recv(go[0], &body, 1, ZMQ_DONTWAIT) == 0);
                    is_over = 1;
                    continue;
                } else
                    CHECK(zmq_recv(items[i].socket, &body, 1, ZMQ_DONTWAIT) == 1);
                is_last |= body;
            }
            CHECK(seen == ready);
        }
        CHECK(zmq_send(go[0], "", 0, 0) == 0);
    }
    join(thread);
    close_all();
}

static int begun;

static void *poll_all(void *expected)
{
    __atomic_store_n(&begun, 1, __ATOMIC_SEQ_CST);
    CHECK(zmq_poll(items, LINES, -1) == -1);
    CHECK(errno == (int)(intptr_t)expected || errno == EBUSY);
    return NULL;
}

static pthread_t begin_to_poll(int expected, int moment)
{
    __atomic_store_n(&begun, 0, __ATOMIC_SEQ_CST);
    pthread_t thread = start_thread(poll_all, (void *)(intptr_t)expected);
    while (!__atomic_load_n(&begun, __ATOMIC_SEQ_CST))
        ;
    for (volatile int pause = moment * 50; pause > 0; --pause)
        ;
    return thread;
}

static int repetitions(void)
{
    return getenv("LIFETIMES_SMALL") ? 10 : 300;
}

static void the_end_of_one_of_them_ends_it(void)
{
    for (int i = 0; i < repetitions(); ++i) {
        open_all();
        pthread_t thread = begin_to_poll(ENOTSOCK, i);
        void **socket = &receivers[i % MANY];
        while (zmq_close(*socket) == -1)
            CHECK(errno == EBUSY);
        *socket = NULL;
        join(thread);
        close_all();
    }
}

static void the_end_of_the_context_ends_it(void)
{
    for (int i = 0; i < repetitions(); ++i) {
        open_all();
        pthread_t thread = begin_to_poll(ETERM, i);
        CHECK(zmq_ctx_shutdown(context) == 0);
        join(thread);
        close_all();
    }
}

static void a_signal_ends_it(void)
{
    let_interrupt(SIGUSR1);
    open_all();
    pthread_t thread = begin_to_poll(EINTR, 0);
    while (pthread_tryjoin_np(thread, NULL) == EBUSY) {
        pthread_kill(thread, SIGUSR1);
        pause_ms(1);
    }
    /* The same table again: nothing is left from the time before. */
    CHECK(zmq_poll(items, LINES, 10) == 0);
    CHECK(zmq_send(senders[0], "x", 1, 0) == 1);
    CHECK(zmq_poll(items, LINES, -1) == 1 && items[0].revents == ZMQ_POLLIN);
    close_all();
}

/* Whatever was polled, closing the sockets gives all descriptors back. */
static void no_descriptor_is_left(void)
{
    int before = 0;
    for (int i = 0; i < 20; ++i) {
        open_all();
        CHECK(zmq_poll(items, LINES, 1) == 0);
        CHECK(zmq_poll(items + i % MANY, LINES - i % MANY, 1) == 0);
        close_all();
        if (i == 0)
            before = open_descriptors();
    }
    CHECK(open_descriptors() == before);
}

CASES({"every_message_ends_the_sleep", every_message_ends_the_sleep},
      {"the_end_of_one_of_them_ends_it", the_end_of_one_of_them_ends_it},
      {"the_end_of_the_context_ends_it", the_end_of_the_context_ends_it}, {"a_signal_ends_it", a_signal_ends_it},
      {"no_descriptor_is_left", no_descriptor_is_left})
