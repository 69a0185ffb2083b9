/* Sockets and threads: one socket handed from thread to thread works as in one thread; one used by
 * several at once refuses all but one of them and comes to no harm. */
#include "lifetimes.h"

static void *context, *push, *pull;
static char endpoint[ENDPOINT_SIZE];

static void join_sockets(const char *wildcard)
{
    context = zmq_ctx_new();
    push = new_socket(context, ZMQ_PUSH);
    pull = new_socket(context, ZMQ_PULL);
    bind_any(pull, wildcard, endpoint);
    CHECK(zmq_connect(push, endpoint) == 0);
}

static void end(void)
{
    CHECK(zmq_close(push) == 0);
    CHECK(zmq_close(pull) == 0);
    CHECK(zmq_ctx_term(context) == 0);
}

enum { HANDS = 4 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t passed = PTHREAD_COND_INITIALIZER;
static int turn, turns;

static void exchange(int number)
{
    int received = -1;
    CHECK(zmq_send(push, &number, sizeof number, 0) == sizeof number);
    CHECK(zmq_recv(pull, &received, sizeof received, 0) == sizeof received);
    CHECK(received == number);
}

static void *take_turns(void *number)
{
    int mine = (int)(intptr_t)number;
    for (;;) {
        pthread_mutex_lock(&lock);
        while (turn < turns && turn % HANDS != mine)
            pthread_cond_wait(&passed, &lock);
        if (turn >= turns) {
            pthread_mutex_unlock(&lock);
            return NULL;
        }
        exchange(turn);
        ++turn;
        pthread_cond_broadcast(&passed);
        pthread_mutex_unlock(&lock);
    }
}

static void handed_round(void)
{
    for (int i = 0; i < TRANSPORTS; ++i) {
        pthread_t threads[HANDS];
        join_sockets(wildcards[i]);
        turn = 0;
        turns = getenv("LIFETIMES_SMALL") ? 40 : 1000;
        for (intptr_t k = 0; k < HANDS; ++k)
            threads[k] = start_thread(take_turns, (void *)k);
        for (int k = 0; k < HANDS; ++k)
            join(threads[k]);
        exchange(turns);
        end();
    }
}

static void *use_a_few_times(void *unused)
{
    (void)unused;
    for (int i = 0; i < 3; ++i)
        exchange(i);
    return NULL;
}

/* As a thread pool does: each thread is a new one. */
static void handed_to_new_threads(void)
{
    for (int i = 0; i < TRANSPORTS; ++i) {
        join_sockets(wildcards[i]);
        for (int k = 0; k < 60; ++k) {
            join(start_thread(use_a_few_times, NULL));
            if (k % 3 == 0)
                exchange(k);
        }
        end();
    }
}

static int stop;
static unsigned accepted;

static void *send_all_the_time(void *unused)
{
    (void)unused;
    char body[300] = "";
    while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
        if (zmq_send(push, body, sizeof body, ZMQ_DONTWAIT) == sizeof body)
            __atomic_add_fetch(&accepted, 1, __ATOMIC_SEQ_CST);
        else
            CHECK(errno == EAGAIN || errno == EBUSY);
        zmq_pollitem_t item = {push, 0, ZMQ_POLLOUT, 0};
        if (zmq_poll(&item, 1, 0) == -1)
            CHECK(errno == EBUSY);
    }
    return NULL;
}

static void used_by_many_at_once(void)
{
    for (int i = 0; i < TRANSPORTS; ++i) {
        pthread_t threads[HANDS];
        char body[300];
        join_sockets(wildcards[i]);
        stop = 0;
        accepted = 0;
        for (int k = 0; k < HANDS; ++k)
            threads[k] = start_thread(send_all_the_time, NULL);
        unsigned received = 0;
        for (unsigned limit = getenv("LIFETIMES_SMALL") ? 200 : 20000; received < limit; ++received)
            CHECK(zmq_recv(pull, body, sizeof body, 0) == sizeof body);
        __atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
        for (int k = 0; k < HANDS; ++k)
            join(threads[k]);
        for (; received < accepted; ++received)
            CHECK(zmq_recv(pull, body, sizeof body, 0) == sizeof body);
        REFUSED(EAGAIN, zmq_recv(pull, body, sizeof body, ZMQ_DONTWAIT));
        end();
    }
}

static void *close_now(void *socket)
{
    int outcome = zmq_close(socket);
    CHECK(outcome == 0 || errno == ENOTSOCK || errno == EBUSY);
    return (void *)(intptr_t)(outcome == 0);
}

static void closed_by_many_at_once(void)
{
    context = zmq_ctx_new();
    for (int i = 0; i < (getenv("LIFETIMES_SMALL") ? 20 : 500); ++i) {
        pthread_t threads[HANDS];
        void *socket = new_socket(context, ZMQ_DEALER), *outcome;
        intptr_t closed = 0;
        if (i % 2)
            bind_any(socket, "inproc://here", endpoint);
        for (int k = 0; k < HANDS; ++k)
            threads[k] = start_thread(close_now, socket);
        for (int k = 0; k < HANDS; ++k) {
            CHECK(pthread_join(threads[k], &outcome) == 0);
            closed += (intptr_t)outcome;
        }
        CHECK(closed == 1);
        REFUSED(ENOTSOCK, zmq_send(socket, "x", 1, ZMQ_DONTWAIT));
        REFUSED(ENOTSOCK, zmq_close(socket));
    }
    CHECK(zmq_ctx_term(context) == 0);
}

/* Another thread binds and unbinds between this one's calls. */
static void *bind_for_another(void *socket)
{
    bind_any(socket, "ipc://*", endpoint);
    return NULL;
}

static void bound_by_another_thread(void)
{
    for (int i = 0; i < 30; ++i) {
        context = zmq_ctx_new();
        pull = new_socket(context, ZMQ_PULL);
        push = new_socket(context, ZMQ_PUSH);
        join(start_thread(bind_for_another, pull));
        CHECK(zmq_connect(push, endpoint) == 0);
        exchange(i);
        end();
    }
}

static int begun;

static void *poll_it(void *socket)
{
    zmq_pollitem_t item = {socket, 0, ZMQ_POLLIN, 0};
    __atomic_store_n(&begun, 1, __ATOMIC_SEQ_CST);
    CHECK(zmq_poll(&item, 1, -1) == -1);
    CHECK(errno == ENOTSOCK || errno == ETERM || errno == EBUSY);
    return NULL;
}

/* Whoever is polling a socket, or just about to, finds out that it is closed. */
static void closed_while_polled(void)
{
    for (int i = 0; i < 3000; ++i) {
        begun = 0;
        context = zmq_ctx_new();
        pull = new_socket(context, ZMQ_PULL);
        pthread_t thread = start_thread(poll_it, pull);
        while (!__atomic_load_n(&begun, __ATOMIC_SEQ_CST))
            ;
        for (volatile int pause = i * 7; pause > 0; --pause)
            ;
        int is_closed = zmq_close(pull) == 0;
        CHECK(is_closed || errno == EBUSY);
        CHECK(zmq_ctx_shutdown(context) == 0);
        join(thread);
        CHECK(is_closed || zmq_close(pull) == 0);
        CHECK(zmq_ctx_term(context) == 0);
    }
}

CASES({"handed_round", handed_round},
      {"handed_to_new_threads", handed_to_new_threads},
      {"used_by_many_at_once", used_by_many_at_once},
      {"closed_by_many_at_once", closed_by_many_at_once},
      {"closed_while_polled", closed_while_polled},
      {"bound_by_another_thread", bound_by_another_thread})
