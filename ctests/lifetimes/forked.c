/* fork: what a child inherits it may close, and the parent notices nothing. */
#define ZMQ_BUILD_DRAFT_API
#include "lifetimes.h"

static void *context;

static void expect_child(pid_t child)
{
    int status = -1;
    while (waitpid(child, &status, 0) == -1 && errno == EINTR)
        ;
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* In the child: hangs are ended by its own alarm, as those of a parent are not inherited. */
static int in_child(pid_t *child)
{
    fflush(NULL);
    *child = fork();
    CHECK(*child >= 0);
    if (*child == 0)
        alarm(CASE_SECONDS / 2);
    return *child == 0;
}

struct pair {
    void *push;
    void *pull;
    char endpoint[ENDPOINT_SIZE];
};

static void join_sockets(struct pair *pair, const char *wildcard)
{
    pair->push = new_socket(context, ZMQ_PUSH);
    pair->pull = new_socket(context, ZMQ_PULL);
    bind_any(pair->pull, wildcard, pair->endpoint);
    CHECK(zmq_connect(pair->push, pair->endpoint) == 0);
}

static void exchange(struct pair *pair, int count)
{
    for (int i = 0; i < count; ++i) {
        int received = -1;
        CHECK(zmq_send(pair->push, &i, sizeof i, 0) == sizeof i);
        CHECK(zmq_recv(pair->pull, &received, sizeof received, 0) == sizeof received);
        CHECK(received == i);
    }
}

static void end(struct pair *pair)
{
    CHECK(zmq_close(pair->push) == 0);
    CHECK(zmq_close(pair->pull) == 0);
}

static void child_closes_what_it_inherits(void)
{
    for (int i = 0; i < 15; ++i) {
        struct pair pair;
        pid_t child;
        context = zmq_ctx_new();
        join_sockets(&pair, wildcards[i % TRANSPORTS]);
        exchange(&pair, 20);
        CHECK(zmq_send(pair.push, "left", 4, 0) == 4);
        if (in_child(&child)) {
            if (i % 2)
                CHECK(zmq_ctx_shutdown(context) == 0);
            end(&pair);
            CHECK(zmq_ctx_term(context) == 0);
            _exit(0);
        }
        expect_child(child);
        char body[4];
        CHECK(zmq_recv(pair.pull, body, 4, 0) == 4 && memcmp(body, "left", 4) == 0);
        exchange(&pair, 20);
        /* The listener still listens. */
        void *other = new_socket(context, ZMQ_PUSH);
        CHECK(zmq_connect(other, pair.endpoint) == 0);
        CHECK(zmq_send(other, "more", 4, 0) == 4);
        CHECK(zmq_recv(pair.pull, body, 4, 0) == 4 && memcmp(body, "more", 4) == 0);
        CHECK(zmq_close(other) == 0);
        end(&pair);
        CHECK(zmq_ctx_term(context) == 0);
    }
}

static void child_leaves_descriptors_alone(void)
{
    pid_t child;
    context = zmq_ctx_new();
    void *socket = new_socket(context, ZMQ_DEALER);
    struct pollfd item = {int_of(socket, ZMQ_FD), POLLIN, 0};
    CHECK(int_of(socket, ZMQ_EVENTS) == 0);
    CHECK(poll(&item, 1, 0) == 0);
    if (in_child(&child)) {
        CHECK(zmq_close(socket) == 0);
        CHECK(zmq_ctx_term(context) == 0);
        _exit(0);
    }
    expect_child(child);
    CHECK(poll(&item, 1, 0) == 0);
    CHECK(zmq_close(socket) == 0);
    CHECK(zmq_ctx_term(context) == 0);
}

static void child_has_a_context_of_its_own(void)
{
    for (int i = 0; i < 10; ++i) {
        struct pair pair;
        pid_t child;
        context = zmq_ctx_new();
        join_sockets(&pair, wildcards[i % TRANSPORTS]);
        exchange(&pair, 5);
        if (in_child(&child)) {
            void *inherited = context;
            struct pair own;
            context = zmq_ctx_new();
            CHECK(context);
            join_sockets(&own, wildcards[i % TRANSPORTS]);
            exchange(&own, 100);
            end(&own);
            CHECK(zmq_ctx_term(context) == 0);
            if (i % 2) {
                end(&pair);
                CHECK(zmq_ctx_term(inherited) == 0);
            }
            exit(0);
        }
        exchange(&pair, 100);
        expect_child(child);
        end(&pair);
        CHECK(zmq_ctx_term(context) == 0);
    }
}

static void child_talks_to_its_parent(void)
{
    for (int transport = 1; transport < TRANSPORTS; ++transport) {
        char endpoint[ENDPOINT_SIZE];
        pid_t child;
        context = zmq_ctx_new();
        void *rep = new_socket(context, ZMQ_REP);
        bind_any(rep, wildcards[transport], endpoint);
        if (in_child(&child)) {
            CHECK(zmq_close(rep) == 0);
            CHECK(zmq_ctx_term(context) == 0);
            void *own = zmq_ctx_new();
            void *req = new_socket(own, ZMQ_REQ);
            CHECK(zmq_connect(req, endpoint) == 0);
            for (int i = 0; i < 200; ++i) {
                int answer = 0;
                CHECK(zmq_send(req, &i, sizeof i, 0) == sizeof i);
                CHECK(zmq_recv(req, &answer, sizeof answer, 0) == sizeof answer);
                CHECK(answer == i + 1);
            }
            CHECK(zmq_close(req) == 0);
            CHECK(zmq_ctx_term(own) == 0);
            _exit(0);
        }
        for (int i = 0; i < 200; ++i) {
            int question = 0;
            CHECK(zmq_recv(rep, &question, sizeof question, 0) == sizeof question);
            ++question;
            CHECK(zmq_send(rep, &question, sizeof question, 0) == sizeof question);
        }
        expect_child(child);
        CHECK(zmq_close(rep) == 0);
        CHECK(zmq_ctx_term(context) == 0);
    }
}

static int stop;

/* Keeps every lock of the library busy while another thread forks. */
static void *bustle(void *unused)
{
    (void)unused;
    while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
        void *other = zmq_ctx_new();
        for (int i = 0; i < 3; ++i)
            CHECK(zmq_close(new_socket(other, ZMQ_PAIR)) == 0);
        CHECK(zmq_ctx_term(other) == 0);
    }
    return NULL;
}

static void *wait_in_recv(void *socket)
{
    char byte;
    while (zmq_recv(socket, &byte, 1, 0) != -1)
        ;
    CHECK(errno == ETERM);
    CHECK(zmq_close(socket) == 0);
    return NULL;
}

static void forking_while_other_threads_are_in_calls(void)
{
    context = zmq_ctx_new();
    void *blocked = new_socket(context, ZMQ_PULL);
    struct pair pair;
    join_sockets(&pair, "tcp://127.0.0.1:*");
    pthread_t threads[3] = {start_thread(wait_in_recv, blocked), start_thread(bustle, NULL), start_thread(bustle, NULL)};
    pause_ms(20);
    for (int i = 0; i < 100; ++i) {
        pid_t child;
        if (in_child(&child)) {
            CHECK(zmq_close(blocked) == 0);
            end(&pair);
            CHECK(zmq_ctx_term(context) == 0);
            if (i % 10 == 0) {
                context = zmq_ctx_new();
                join_sockets(&pair, "ipc://*");
                exchange(&pair, 3);
                end(&pair);
                CHECK(zmq_ctx_term(context) == 0);
            }
            _exit(0);
        }
        expect_child(child);
        exchange(&pair, 3);
    }
    __atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
    end(&pair);
    CHECK(zmq_ctx_term(context) == 0);
    for (int i = 0; i < 3; ++i)
        join(threads[i]);
}

/* --- sockets that many threads use: the lock may be held by one that the child does not have --- */

static void *left, *right;
static int stop;

static void join_channel(void)
{
    context = zmq_ctx_new();
    left = new_socket(context, ZMQ_CHANNEL);
    right = new_socket(context, ZMQ_CHANNEL);
    CHECK(zmq_bind(right, "inproc://here") == 0);
    CHECK(zmq_connect(left, "inproc://here") == 0);
}

static void end_channel(void)
{
    CHECK(zmq_close(left) == 0);
    CHECK(zmq_close(right) == 0);
    CHECK(zmq_ctx_term(context) == 0);
}

static void *exchange_all_the_time(void *unused)
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

static void *receive_one(void *unused)
{
    char body[10];
    (void)unused;
    CHECK(zmq_recv(left, body, sizeof body, 0) == 4);
    return NULL;
}

static void shared_sockets(void)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    join_channel();
    for (int k = 0; k < THREADS; ++k)
        threads[k] = start_thread(exchange_all_the_time, NULL);
    for (int i = 0; i < 20; ++i) {
        pid_t child;
        if (in_child(&child)) {
            end_channel();
            join_channel();
            pthread_t thread = start_thread(receive_one, NULL);
            CHECK(zmq_send(right, "ping", 4, 0) == 4);
            join(thread);
            end_channel();
            _exit(0);
        }
        expect_child(child);
    }
    __atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
    for (int k = 0; k < THREADS; ++k)
        join(threads[k]);
    end_channel();
}

CASES({"child_closes_what_it_inherits", child_closes_what_it_inherits},
      {"child_leaves_descriptors_alone", child_leaves_descriptors_alone},
      {"child_has_a_context_of_its_own", child_has_a_context_of_its_own},
      {"child_talks_to_its_parent", child_talks_to_its_parent},
      {"forking_while_other_threads_are_in_calls", forking_while_other_threads_are_in_calls},
      {"shared_sockets", shared_sockets})
