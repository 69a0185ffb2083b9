/* What the programs of this directory share.
 *
 * A program is a list of cases. Each runs in a process of its own with a time limit, so that one
 * that hangs or crashes is told by name and the others still run. Nothing here judges by the clock:
 * a limit is there only to end what would never end. Naming cases as arguments runs only those.
 */
#ifndef LIFETIMES_H
#define LIFETIMES_H

#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <zmq.h>

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: not so: %s (errno %d: %s)\n", __FILE__, __LINE__, #condition, errno,               \
                    strerror(errno));                                                                                  \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* The call fails with this errno. */
#define REFUSED(number, call)                                                                                          \
    do {                                                                                                               \
        errno = 0;                                                                                                     \
        CHECK((call) == -1);                                                                                           \
        CHECK(errno == (number));                                                                                      \
    } while (0)

#define CASE_SECONDS 60

struct test_case {
    const char *name;
    void (*body)(void);
};

static inline int run_case(const struct test_case *one)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        const char *factor = getenv("LIFETIMES_PATIENCE");
        alarm(CASE_SECONDS * (factor ? (unsigned)atoi(factor) : 1));
        one->body();
        fflush(NULL);
        _exit(0);
    }
    int status = -1;
    while (waitpid(child, &status, 0) == -1 && errno == EINTR)
        ;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        printf("ok   %s\n", one->name);
        return 0;
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        printf("FAIL %s: hangs\n", one->name);
    else if (WIFSIGNALED(status))
        printf("FAIL %s: %s\n", one->name, strsignal(WTERMSIG(status)));
    else
        printf("FAIL %s: exit %d\n", one->name, WEXITSTATUS(status));
    return 1;
}

static inline int run_cases(const struct test_case *cases, int count, int argc, char **argv)
{
    int failed = 0;
    for (int i = 0; i < count; ++i) {
        int wanted = argc < 2;
        for (int k = 1; k < argc; ++k)
            wanted |= strcmp(argv[k], cases[i].name) == 0;
        if (wanted)
            failed += run_case(&cases[i]);
    }
    fflush(NULL);
    return failed != 0;
}

#define CASES(...)                                                                                                     \
    int main(int argc, char **argv)                                                                                    \
    {                                                                                                                  \
        static const struct test_case cases[] = {__VA_ARGS__};                                                         \
        return run_cases(cases, sizeof cases / sizeof *cases, argc, argv);                                             \
    }

static inline void set_int(void *socket, int option, int value)
{
    CHECK(zmq_setsockopt(socket, option, &value, sizeof value) == 0);
}

static inline int int_of(void *socket, int option)
{
    int value = -1;
    size_t size = sizeof value;
    CHECK(zmq_getsockopt(socket, option, &value, &size) == 0);
    return value;
}

static inline void *new_socket(void *context, int kind)
{
    void *socket = zmq_socket(context, kind);
    CHECK(socket);
    return socket;
}

#define ENDPOINT_SIZE 300

/* Binds a wildcard and gives the endpoint as it became. */
static inline const char *bind_any(void *socket, const char *wildcard, char *endpoint)
{
    size_t size = ENDPOINT_SIZE;
    CHECK(zmq_bind(socket, wildcard) == 0);
    CHECK(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0);
    return endpoint;
}

/* The three transports, as something to bind. */
static const char *const wildcards[] = {"inproc://here", "ipc://*", "tcp://127.0.0.1:*"};
#define TRANSPORTS 3

/* A port of the loopback on which nobody listens. */
static inline void dead_endpoint(void *context, char *endpoint)
{
    void *socket = new_socket(context, ZMQ_PAIR);
    bind_any(socket, "tcp://127.0.0.1:*", endpoint);
    CHECK(zmq_unbind(socket, endpoint) == 0);
    CHECK(zmq_close(socket) == 0);
}

static inline void pause_ms(int milliseconds)
{
    struct timespec left = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    while (nanosleep(&left, &left) == -1 && errno == EINTR)
        ;
}

static inline int open_descriptors(void)
{
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    CHECK(directory);
    while (readdir(directory))
        ++count;
    closedir(directory);
    return count;
}

static inline size_t heap_in_use(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static inline pthread_t start_thread(void *(*body)(void *), void *argument)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, body, argument) == 0);
    return thread;
}

static inline void join(pthread_t thread)
{
    CHECK(pthread_join(thread, NULL) == 0);
}

static inline void nothing(int number)
{
    (void)number;
}

/* The signal interrupts what blocks, and does nothing else. */
static inline void let_interrupt(int number)
{
    struct sigaction action = {.sa_handler = nothing};
    CHECK(sigaction(number, &action, NULL) == 0);
}

/* Sends signals to a thread until told to stop: whenever it blocks, one finds it there. */
struct tormentor {
    pthread_t victim;
    int stop;
    int pause_us;
};

static inline void *torment(void *argument)
{
    struct tormentor *self = argument;
    struct timespec pause = {0, self->pause_us * 1000L};
    while (!__atomic_load_n(&self->stop, __ATOMIC_SEQ_CST)) {
        pthread_kill(self->victim, SIGUSR1);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

/* Joins two sockets until their context ends, and closes them. After a signal the proxy begins anew. */
static inline void *proxy_to_the_end(void *argument)
{
    void **ends = argument;
    while (zmq_proxy(ends[0], ends[1], NULL) == -1 && errno == EINTR)
        ;
    CHECK(errno == ETERM);
    CHECK(zmq_close(ends[0]) == 0);
    CHECK(zmq_close(ends[1]) == 0);
    return NULL;
}

#endif
