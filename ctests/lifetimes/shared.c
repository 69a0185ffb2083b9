/* Sockets that many threads use at once: nothing is lost, nobody sleeps for ever, and whoever is
 * blocked when a socket or its context ends learns of it. */
#define ZMQ_BUILD_DRAFT_API
#include "lifetimes.h"

enum { CROWD = 4 };

static void *context, *left, *right;
static char endpoint[ENDPOINT_SIZE];

static unsigned some(unsigned usual)
{
    return getenv("LIFETIMES_SMALL") ? 200 : getenv("LIFETIMES_FULL") ? usual * 50 : usual;
}

/* A new context with a socket that connects to another one. */
static void join_kinds(int kind_left, int kind_right, const char *wildcard, int mark)
{
    context = zmq_ctx_new();
    left = new_socket(context, kind_left);
    right = new_socket(context, kind_right);
    if (mark) {
        set_int(left, ZMQ_SNDHWM, mark);
        set_int(left, ZMQ_RCVHWM, mark);
        set_int(right, ZMQ_SNDHWM, mark);
        set_int(right, ZMQ_RCVHWM, mark);
    }
    bind_any(right, wildcard, endpoint);
    CHECK(zmq_connect(left, endpoint) == 0);
}

static void end(void)
{
    CHECK(zmq_close(left) == 0);
    CHECK(zmq_close(right) == 0);
    CHECK(zmq_ctx_term(context) == 0);
}

static void start_crowd(pthread_t *threads, void *(*body)(void *))
{
    for (intptr_t k = 0; k < CROWD; ++k)
        threads[k] = start_thread(body, (void *)k);
}

static void join_crowd(pthread_t *threads)
{
    for (int k = 0; k < CROWD; ++k)
        join(threads[k]);
}

static unsigned limit, next_number, replied;
static unsigned char *seen;

static void *send_numbers(void *unused)
{
    (void)unused;
    for (;;) {
        unsigned number = __atomic_fetch_add(&next_number, 1, __ATOMIC_SEQ_CST);
        if (number >= limit)
            return NULL;
        CHECK(zmq_send(left, &number, sizeof number, 0) == sizeof number);
    }
}

/* One message of no number for each receiver ends it. */
static void *receive_numbers(void *unused)
{
    (void)unused;
    for (;;) {
        unsigned number = 0;
        CHECK(zmq_recv(right, &number, sizeof number, 0) == sizeof number);
        if (number == UINT32_MAX)
            return NULL;
        CHECK(number < limit && __atomic_fetch_add(&seen[number], 1, __ATOMIC_SEQ_CST) == 0);
        __atomic_add_fetch(&replied, 1, __ATOMIC_SEQ_CST);
    }
}

/* Numbers up to a limit are on their way, and none was seen yet. */
static void expect_numbers(unsigned up_to)
{
    limit = up_to;
    next_number = replied = 0;
    seen = calloc(limit, 1);
}

static void stop_receivers(pthread_t *receivers)
{
    const unsigned last = UINT32_MAX;
    for (int k = 0; k < CROWD; ++k)
        CHECK(zmq_send(left, &last, sizeof last, 0) == sizeof last);
    join_crowd(receivers);
}

/* Where one message may overtake another, the last words wait until all others came. */
static void await_numbers(void)
{
    while (__atomic_load_n(&replied, __ATOMIC_SEQ_CST) < limit)
        pause_ms(1);
}

static void check_numbers(void)
{
    for (unsigned i = 0; i < limit; ++i)
        CHECK(seen[i] == 1);
    free(seen);
}

static void cross(int kind_left, int kind_right, const char *wildcard, int mark)
{
    pthread_t senders[CROWD], receivers[CROWD];
    join_kinds(kind_left, kind_right, wildcard, mark);
    expect_numbers(some(20000));
    start_crowd(receivers, receive_numbers);
    start_crowd(senders, send_numbers);
    join_crowd(senders);
    stop_receivers(receivers);
    check_numbers();
    end();
}

/* With room for few, senders and receivers sleep all the time. */
static void each_message_once(void)
{
    for (int i = 0; i < TRANSPORTS; ++i) {
        cross(ZMQ_SCATTER, ZMQ_GATHER, wildcards[i], 0);
        cross(ZMQ_SCATTER, ZMQ_GATHER, wildcards[i], 2);
        cross(ZMQ_CHANNEL, ZMQ_CHANNEL, wildcards[i], 1);
        cross(ZMQ_CLIENT, ZMQ_SERVER, wildcards[i], 3);
    }
}

/* Requests from many threads over one CLIENT to one SERVER that many threads serve. */
static void *serve(void *unused)
{
    zmq_msg_t request;
    (void)unused;
    CHECK(zmq_msg_init(&request) == 0);
    for (;;) {
        CHECK(zmq_msg_recv(&request, right, 0) != -1);
        if (zmq_msg_size(&request) == 0)
            break;
        /* The routing id is still there. */
        CHECK(zmq_msg_send(&request, right, 0) == sizeof(unsigned));
    }
    CHECK(zmq_msg_close(&request) == 0);
    return NULL;
}

static void *take_replies(void *unused)
{
    (void)unused;
    for (;;) {
        unsigned number = 0;
        int size = zmq_recv(left, &number, sizeof number, 0);
        CHECK(size == sizeof number);
        if (number == UINT32_MAX)
            return NULL;
        CHECK(__atomic_fetch_add(&seen[number], 1, __ATOMIC_SEQ_CST) == 0);
        __atomic_add_fetch(&replied, 1, __ATOMIC_SEQ_CST);
    }
}

static void requests_and_replies(void)
{
    for (int i = 0; i < TRANSPORTS; ++i) {
        pthread_t askers[CROWD], takers[CROWD], servers[CROWD];
        join_kinds(ZMQ_CLIENT, ZMQ_SERVER, wildcards[i], 5);
        expect_numbers(some(10000));
        start_crowd(servers, serve);
        start_crowd(takers, take_replies);
        start_crowd(askers, send_numbers);
        join_crowd(askers);
        /* One server may still have something to say. */
        await_numbers();
        stop_receivers(takers);
        for (int k = 0; k < CROWD; ++k)
            CHECK(zmq_send(left, "", 0, 0) == 0);
        join_crowd(servers);
        check_numbers();
        end();
    }
}

/* Whoever waits for a message keeps nobody from sending. */
static void *receive_one(void *unused)
{
    char body[10];
    (void)unused;
    CHECK(zmq_recv(left, body, sizeof body, 0) == 4);
    return NULL;
}

static void a_receiver_blocks_no_sender(void)
{
    for (int i = 0; i < TRANSPORTS; ++i) {
        char body[10];
        join_kinds(ZMQ_CHANNEL, ZMQ_CHANNEL, wildcards[i], 0);
        pthread_t thread = start_thread(receive_one, NULL);
        for (int k = 0; k < 50; ++k)
            CHECK(zmq_send(left, "ping", 4, 0) == 4);
        for (int k = 0; k < 50; ++k)
            CHECK(zmq_recv(right, body, sizeof body, 0) == 4);
        CHECK(zmq_send(right, "pong", 4, 0) == 4);
        join(thread);
        end();
    }
}

/* Each peer's sender waits for that peer alone. */
static uint32_t routing_ids[CROWD];

static void *send_to_one(void *number)
{
    for (unsigned k = 0; k < some(1000); ++k) {
        zmq_msg_t message;
        CHECK(zmq_msg_init_size(&message, 8) == 0);
        CHECK(zmq_msg_set_routing_id(&message, routing_ids[(intptr_t)number]) == 0);
        CHECK(zmq_msg_send(&message, right, 0) == 8);
    }
    return NULL;
}

static void senders_wait_for_their_own_peers(void)
{
    for (int i = 0; i < TRANSPORTS; ++i) {
        void *clients[CROWD];
        pthread_t senders[CROWD];
        char body[8];
        context = zmq_ctx_new();
        right = new_socket(context, ZMQ_SERVER);
        set_int(right, ZMQ_SNDHWM, 2);
        bind_any(right, wildcards[i], endpoint);
        for (int k = 0; k < CROWD; ++k) {
            zmq_msg_t message;
            clients[k] = new_socket(context, ZMQ_CLIENT);
            set_int(clients[k], ZMQ_RCVHWM, 2);
            CHECK(zmq_connect(clients[k], endpoint) == 0);
            CHECK(zmq_send(clients[k], "hello", 5, 0) == 5);
            CHECK(zmq_msg_init(&message) == 0);
            CHECK(zmq_msg_recv(&message, right, 0) == 5);
            routing_ids[k] = zmq_msg_routing_id(&message);
            CHECK(zmq_msg_close(&message) == 0);
        }
        start_crowd(senders, send_to_one);
        /* The last first: while its messages are taken, all others' senders are stuck. */
        for (int k = CROWD - 1; k >= 0; --k)
            for (unsigned n = 0; n < some(1000); ++n)
                CHECK(zmq_recv(clients[k], body, sizeof body, 0) == 8);
        join_crowd(senders);
        for (int k = 0; k < CROWD; ++k)
            CHECK(zmq_close(clients[k]) == 0);
        CHECK(zmq_close(right) == 0);
        CHECK(zmq_ctx_term(context) == 0);
    }
}

/* --- the end, for those who are blocked --- */

static int expected, blocked;

static void *block_in_recv(void *unused)
{
    char body[10];
    (void)unused;
    __atomic_add_fetch(&blocked, 1, __ATOMIC_SEQ_CST);
    REFUSED(expected, zmq_recv(left, body, sizeof body, 0));
    return NULL;
}

static void *block_in_send(void *unused)
{
    (void)unused;
    __atomic_add_fetch(&blocked, 1, __ATOMIC_SEQ_CST);
    REFUSED(expected, zmq_send(left, "x", 1, 0));
    return NULL;
}

static void *block_in_poll(void *unused)
{
    zmq_pollitem_t item = {left, 0, ZMQ_POLLIN, 0};
    (void)unused;
    __atomic_add_fetch(&blocked, 1, __ATOMIC_SEQ_CST);
    REFUSED(expected, zmq_poll(&item, 1, -1));
    return NULL;
}

static void *block_in_poller(void *unused)
{
    zmq_poller_event_t event;
    void *poller = zmq_poller_new();
    (void)unused;
    if (zmq_poller_add(poller, left, NULL, ZMQ_POLLIN) == -1) {
        CHECK(errno == expected);
        __atomic_add_fetch(&blocked, 1, __ATOMIC_SEQ_CST);
    } else {
        __atomic_add_fetch(&blocked, 1, __ATOMIC_SEQ_CST);
        REFUSED(expected, zmq_poller_wait(poller, &event, -1));
    }
    CHECK(zmq_poller_destroy(&poller) == 0);
    return NULL;
}

static void block_everybody(pthread_t *threads)
{
    static void *(*const ways[])(void *) = {block_in_recv, block_in_send, block_in_poll, block_in_poller};
    blocked = 0;
    for (int k = 0; k < 4 * CROWD; ++k)
        threads[k] = start_thread(ways[k % 4], NULL);
    /* Now and then while some are still on their way. */
    while (__atomic_load_n(&blocked, __ATOMIC_SEQ_CST) < 4 * CROWD)
        pause_ms(0);
}

static void closing_wakes_all(void)
{
    expected = ENOTSOCK;
    for (unsigned i = 0; i < some(400) / 2; ++i) {
        pthread_t threads[4 * CROWD];
        context = zmq_ctx_new();
        left = new_socket(context, ZMQ_CLIENT);
        block_everybody(threads);
        if (i % 2)
            pause_ms(1);
        CHECK(zmq_close(left) == 0);
        for (int k = 0; k < 4 * CROWD; ++k)
            join(threads[k]);
        REFUSED(ENOTSOCK, zmq_close(left));
        CHECK(zmq_ctx_term(context) == 0);
    }
}

static void shutdown_wakes_all(void)
{
    expected = ETERM;
    for (unsigned i = 0; i < some(400) / 2; ++i) {
        pthread_t threads[4 * CROWD];
        context = zmq_ctx_new();
        left = new_socket(context, ZMQ_CLIENT);
        block_everybody(threads);
        if (i % 2)
            pause_ms(1);
        CHECK(zmq_ctx_shutdown(context) == 0);
        for (int k = 0; k < 4 * CROWD; ++k)
            join(threads[k]);
        CHECK(zmq_close(left) == 0);
        CHECK(zmq_ctx_term(context) == 0);
    }
}

static void waiting_ends_in_time(void)
{
    pthread_t threads[CROWD];
    context = zmq_ctx_new();
    left = new_socket(context, ZMQ_CHANNEL);
    set_int(left, ZMQ_RCVTIMEO, 20);
    set_int(left, ZMQ_SNDTIMEO, 20);
    expected = EAGAIN;
    for (int i = 0; i < 10; ++i) {
        start_crowd(threads, i % 2 ? block_in_recv : block_in_send);
        join_crowd(threads);
    }
    CHECK(zmq_close(left) == 0);
    CHECK(zmq_ctx_term(context) == 0);
}

static void on_signal(int number)
{
    (void)number;
}

static int interrupted;

static void *wait_for_a_signal(void *unused)
{
    char body[10];
    (void)unused;
    __atomic_add_fetch(&blocked, 1, __ATOMIC_SEQ_CST);
    REFUSED(EINTR, zmq_recv(left, body, sizeof body, 0));
    __atomic_add_fetch(&interrupted, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void a_signal_interrupts_its_thread(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    for (int i = 0; i < 20; ++i) {
        pthread_t threads[CROWD];
        char body[10];
        join_kinds(ZMQ_CHANNEL, ZMQ_CHANNEL, "inproc://here", 0);
        blocked = interrupted = 0;
        start_crowd(threads, wait_for_a_signal);
        for (int k = 0; k < CROWD; ++k)
            while (__atomic_load_n(&interrupted, __ATOMIC_SEQ_CST) <= k) {
                /* A thread that is not blocked yet takes no notice. */
                CHECK(pthread_kill(threads[k], SIGUSR1) == 0);
                pause_ms(1);
            }
        join_crowd(threads);
        /* The others' departure left the socket as it should be. */
        CHECK(zmq_send(right, "ping", 4, 0) == 4);
        CHECK(zmq_recv(left, body, sizeof body, 0) == 4);
        end();
    }
}

/* --- polling while other threads use the socket --- */

static int stop;

static void *send_all_the_time(void *unused)
{
    (void)unused;
    while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
        if (zmq_send(right, "noise", 5, ZMQ_DONTWAIT) == -1)
            CHECK(errno == EAGAIN);
        else
            CHECK(zmq_recv(left, NULL, 0, 0) == 5);
    }
    return NULL;
}

static int has_message(int way, void *poller, int fd)
{
    zmq_pollitem_t item = {right, 0, ZMQ_POLLIN, 0};
    zmq_poller_event_t event;
    struct pollfd plain = {fd, POLLIN, 0};
    if (way == 0)
        return zmq_poll(&item, 1, -1);
    if (way == 1)
        return zmq_poller_wait(poller, &event, -1) == 0;
    while (!(int_of(right, ZMQ_EVENTS) & ZMQ_POLLIN))
        CHECK(poll(&plain, 1, -1) == 1);
    return 1;
}

static void polled_while_used(void)
{
    for (int i = 0; i < TRANSPORTS; ++i)
        for (int way = 0; way < 3; ++way) {
            pthread_t noise[CROWD], sender;
            unsigned number;
            join_kinds(ZMQ_CHANNEL, ZMQ_CHANNEL, wildcards[i], 4);
            void *poller = zmq_poller_new();
            CHECK(zmq_poller_add(poller, right, NULL, ZMQ_POLLIN) == 0);
            int fd = int_of(right, ZMQ_FD);
            CHECK(fd == int_of(right, ZMQ_FD));
            limit = some(3000);
            next_number = 0;
            stop = 0;
            start_crowd(noise, send_all_the_time);
            sender = start_thread(send_numbers, NULL);
            for (unsigned received = 0; received < limit;) {
                CHECK(has_message(way, poller, fd) == 1);
                while (zmq_recv(right, &number, sizeof number, ZMQ_DONTWAIT) == sizeof number)
                    CHECK(number == received++);
                CHECK(errno == EAGAIN);
            }
            join(sender);
            __atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
            join_crowd(noise);
            CHECK(zmq_poller_destroy(&poller) == 0);
            end();
        }
}

/* --- joined by proxies --- */

static void *middle[2][2];

static void *run_proxy(void *number)
{
    void **ends = middle[(intptr_t)number % 2];
    CHECK(zmq_proxy(ends[0], ends[1], NULL) == -1);
    CHECK(errno == ETERM);
    return NULL;
}

/* Two proxies on the same sockets, which they name in opposite orders. */
static void through_proxies(void)
{
    for (int i = 0; i < TRANSPORTS; ++i) {
        pthread_t senders[CROWD], receivers[CROWD], proxies[CROWD];
        char far_endpoint[ENDPOINT_SIZE];
        join_kinds(ZMQ_SCATTER, ZMQ_GATHER, wildcards[i], 3);
        void *gather = new_socket(context, ZMQ_GATHER), *scatter = new_socket(context, ZMQ_SCATTER);
        CHECK(zmq_disconnect(left, endpoint) == 0);
        bind_any(gather, i ? wildcards[i] : "inproc://middle", far_endpoint);
        CHECK(zmq_connect(left, far_endpoint) == 0);
        CHECK(zmq_connect(scatter, endpoint) == 0);
        middle[0][0] = middle[1][1] = gather;
        middle[0][1] = middle[1][0] = scatter;
        expect_numbers(some(10000));
        start_crowd(proxies, run_proxy);
        start_crowd(receivers, receive_numbers);
        start_crowd(senders, send_numbers);
        join_crowd(senders);
        /* One proxy may still have something to forward. */
        await_numbers();
        stop_receivers(receivers);
        CHECK(zmq_ctx_shutdown(context) == 0);
        join_crowd(proxies);
        check_numbers();
        CHECK(zmq_close(gather) == 0);
        CHECK(zmq_close(scatter) == 0);
        end();
    }
}

/* --- everything at once --- */

static void *do_anything(void *number)
{
    unsigned state = 12345 + 7919 * (unsigned)(intptr_t)number;
    char body[10] = "";
    zmq_pollitem_t items[] = {{left, 0, ZMQ_POLLIN, 0}, {right, 0, ZMQ_POLLOUT, 0}};
    for (unsigned k = 0; k < some(3000); ++k) {
        void *socket = (state >> 20) & 1 ? left : right;
        state = state * 1103515245 + 12345;
        switch ((state >> 16) % 10) {
        case 0: zmq_recv(socket, body, sizeof body, ZMQ_DONTWAIT); break;
        case 1: zmq_recv(socket, body, sizeof body, 0); break;
        case 2: zmq_connect(left, endpoint); break;
        case 3: zmq_disconnect(left, endpoint); break;
        case 4: zmq_poll(items, 2, 1); break;
        case 5: set_int(socket, ZMQ_SNDHWM, (int)(state >> 24) % 5); break;
        case 6: CHECK(int_of(socket, ZMQ_EVENTS) >= 0); break;
        default: zmq_send(socket, body, state % 10, 0); break;
        }
    }
    return NULL;
}

static void anything_goes(void)
{
    static const int kinds[][2] = {{ZMQ_CLIENT, ZMQ_SERVER}, {ZMQ_PEER, ZMQ_PEER}, {ZMQ_RADIO, ZMQ_DISH},
                                   {ZMQ_SCATTER, ZMQ_GATHER}, {ZMQ_CHANNEL, ZMQ_CHANNEL}};
    for (int i = 0; i < TRANSPORTS; ++i)
        for (unsigned k = 0; k < sizeof kinds / sizeof *kinds; ++k) {
            pthread_t threads[CROWD];
            join_kinds(kinds[k][0], kinds[k][1], wildcards[i], 3);
            set_int(left, ZMQ_RCVTIMEO, 1);
            set_int(left, ZMQ_SNDTIMEO, 1);
            set_int(left, ZMQ_LINGER, 0);
            set_int(right, ZMQ_RCVTIMEO, 1);
            set_int(right, ZMQ_SNDTIMEO, 1);
            set_int(right, ZMQ_LINGER, 0);
            start_crowd(threads, do_anything);
            join_crowd(threads);
            end();
        }
}

static void *close_now(void *socket)
{
    int outcome = zmq_close(socket);
    CHECK(outcome == 0 || errno == ENOTSOCK);
    return (void *)(intptr_t)(outcome == 0);
}

static void closed_by_many_at_once(void)
{
    context = zmq_ctx_new();
    for (unsigned i = 0; i < some(1000); ++i) {
        pthread_t threads[CROWD];
        intptr_t closed = 0;
        void *socket = new_socket(context, ZMQ_SERVER), *outcome;
        for (int k = 0; k < CROWD; ++k)
            threads[k] = start_thread(close_now, socket);
        for (int k = 0; k < CROWD; ++k) {
            CHECK(pthread_join(threads[k], &outcome) == 0);
            closed += (intptr_t)outcome;
        }
        CHECK(closed == 1);
        REFUSED(ENOTSOCK, zmq_send(socket, "x", 1, ZMQ_DONTWAIT));
    }
    CHECK(zmq_ctx_term(context) == 0);
}

CASES({"each_message_once", each_message_once},
      {"requests_and_replies", requests_and_replies},
      {"a_receiver_blocks_no_sender", a_receiver_blocks_no_sender},
      {"senders_wait_for_their_own_peers", senders_wait_for_their_own_peers},
      {"closing_wakes_all", closing_wakes_all},
      {"shutdown_wakes_all", shutdown_wakes_all},
      {"waiting_ends_in_time", waiting_ends_in_time},
      {"a_signal_interrupts_its_thread", a_signal_interrupts_its_thread},
      {"polled_while_used", polled_while_used},
      {"through_proxies", through_proxies},
      {"anything_goes", anything_goes},
      {"closed_by_many_at_once", closed_by_many_at_once})
