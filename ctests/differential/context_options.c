/* Every option of a context: which sizes and values are read and written, and what they change. */
#include "observe.h"

#include <dirent.h>
#include <limits.h>
#include <sched.h>

#define LAST_OPTION 80
#define ROOM 64

/* ------------------------------------------------------------------ one option at a time */

static void print_int (void *context, int option)
{
    errno = 0;
    const int value = zmq_ctx_get (context, option);
    /* -1 is a value too; only errno tells. */
    printf ("%d%s%s", value, value == -1 ? " " : "", value == -1 ? errno_name (zmq_errno ()) : "");
}

static void try_reading (void *context, int option)
{
    static const size_t sizes[] = {0, 1, 2, 3, 4, 5, 8, 15, 16, 17, ROOM};
    int refused = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned char buffer[ROOM];
        size_t size = sizes[i];
        memset (buffer, 0xee, sizeof buffer);
        errno = 0;
        const int rc = zmq_ctx_get_ext (context, option, buffer, &size);
        if (rc == -1 && zmq_errno () == EINVAL) {
            refused++;
            continue;
        }
        printf ("  get %zu -> %d %s, %zu ", sizes[i], rc, rc ? errno_name (zmq_errno ()) : "-", size);
        print_bytes (buffer, sizeof buffer);
        printf ("\n");
    }
    printf ("  get refused %d\n", refused);
}

static void try_value (void *context, int option, const void *value, size_t size, int *refused)
{
    errno = 0;
    const int rc = zmq_ctx_set_ext (context, option, value, size);
    if (rc == -1 && zmq_errno () == EINVAL) {
        ++*refused;
        return;
    }
    printf ("  set %zu ", size);
    if (value)
        print_bytes (value, size);
    printf (" -> %d %s, reads ", rc, rc ? errno_name (zmq_errno ()) : "-");
    print_int (context, option);
    printf ("\n");
}

static void try_option (int option)
{
    static const int ints[] = {INT_MIN, -2, -1,   0,    1,    2,    3,     7,     99,      100,
                               255,     256, 1023, 1024, 1025, 65534, 65535, 65536, INT_MAX - 1, INT_MAX};
    static const int64_t wide[2] = {1, 0};
    static const size_t odd_sizes[] = {0, 1, 2, 3, 5, 8, 16};
    static const char *const texts[] = {"a", "ab", "abc", "1234", "12345", "abcdefghijklmno", "abcdefghijklmnop",
                                        "abcdefghijklmnopq", "9 lives"};
    int refused = 0;
    void *context = zmq_ctx_new ();

    printf ("option %d: ", option);
    print_int (context, option);
    printf ("\n");
    try_reading (context, option);
    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++) {
        errno = 0;
        const int rc = zmq_ctx_set (context, option, ints[i]);
        if (rc == -1 && zmq_errno () == EINVAL) {
            refused++;
            continue;
        }
        printf ("  set (%d) -> %d %s, reads ", ints[i], rc, rc ? errno_name (zmq_errno ()) : "-");
        print_int (context, option);
        printf ("\n");
    }
    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
        try_value (context, option, &ints[i], sizeof ints[i], &refused);
    for (size_t i = 0; i < sizeof odd_sizes / sizeof *odd_sizes; i++)
        try_value (context, option, wide, odd_sizes[i], &refused);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        try_value (context, option, texts[i], strlen (texts[i]), &refused);
    try_value (context, option, "abc", 4, &refused);
    /* A null pointer of a length that is not looked at; of any other, the original follows it. */
    try_value (context, option, NULL, 0, &refused);
    try_value (context, option, NULL, 17, &refused);
    printf ("  set refused %d\n", refused);
    try_reading (context, option);

    /* The socket and context options share one number space, and threads share it with both. */
    for (int other = 0; other <= LAST_OPTION; other++) {
        void *untouched = zmq_ctx_new ();
        const int before = zmq_ctx_get (untouched, other);
        if (other != option && zmq_ctx_get (context, other) != before) {
            printf ("  also changed %d: ", other);
            print_int (context, other);
            printf ("\n");
        }
        MUST (zmq_ctx_term (untouched));
    }
    MUST (zmq_ctx_term (context));
}

/* ------------------------------------------------------------------ what the options change */

static void observe_sockets_defaults (void)
{
    section ("sockets take over IPV6 and BLOCKY as they are at their start");
    void *context = zmq_ctx_new ();
    void *first = zmq_socket (context, ZMQ_PAIR);
    SHOW (zmq_ctx_set (context, ZMQ_IPV6, 2));
    SHOW (zmq_ctx_set (context, ZMQ_BLOCKY, 0));
    SHOW (integer_option (first, ZMQ_IPV6));
    printf ("first lingers %d\n", integer_option (first, ZMQ_LINGER));
    void *second = zmq_socket (context, ZMQ_PAIR);
    SHOW (integer_option (second, ZMQ_IPV6));
    SHOW (integer_option (second, ZMQ_IPV4ONLY));
    printf ("second lingers %d\n", integer_option (second, ZMQ_LINGER));
    SHOW (zmq_ctx_set (context, ZMQ_IPV6, 0));
    SHOW (zmq_ctx_set (context, ZMQ_BLOCKY, 7));
    void *third = zmq_socket (context, ZMQ_PAIR);
    SHOW (integer_option (third, ZMQ_IPV6));
    printf ("third lingers %d\n", integer_option (third, ZMQ_LINGER));
    MUST (zmq_close (first));
    MUST (zmq_close (second));
    MUST (zmq_close (third));
    SHOW (zmq_ctx_term (context));
}

static void observe_socket_count (void)
{
    enum { LIMIT = 5 };
    void *sockets[LIMIT + 2];
    int count = 0;
    section ("MAX_SOCKETS");
    void *context = zmq_ctx_new ();
    SHOW (zmq_ctx_set (context, ZMQ_MAX_SOCKETS, LIMIT));
    while (count < LIMIT + 2 && (sockets[count] = zmq_socket (context, ZMQ_PAIR)))
        count++;
    printf ("%d sockets, then %s\n", count, errno_name (zmq_errno ()));

    /* A later change is kept, and changes nothing. */
    SHOW (zmq_ctx_set (context, ZMQ_MAX_SOCKETS, LIMIT + 10));
    SHOW (zmq_ctx_get (context, ZMQ_MAX_SOCKETS));
    SHOW_POINTER (zmq_socket (context, ZMQ_PAIR));

    MUST (zmq_close (sockets[--count]));
    const long long end = now_ms () + PATIENCE_MS;
    while (!(sockets[count] = zmq_socket (context, ZMQ_PAIR)) && now_ms () < end)
        sleep_ms (1);
    printf ("after closing one: %s\n", sockets[count] ? "another" : "none");
    if (sockets[count])
        count++;
    while (count > 0)
        MUST (zmq_close (sockets[--count]));
    SHOW (zmq_ctx_term (context));
}

static void observe_no_io_threads (void)
{
    section ("IO_THREADS 0");
    void *context = zmq_ctx_new ();
    SHOW (zmq_ctx_set (context, ZMQ_IO_THREADS, 0));
    void *a = open_socket (context, ZMQ_PAIR);
    void *b = open_socket (context, ZMQ_PAIR);
    SHOW (zmq_bind (a, "tcp://127.0.0.1:*"));
    SHOW (zmq_connect (a, "tcp://127.0.0.1:9"));
    SHOW (zmq_bind (a, "ipc://*"));
    SHOW (zmq_connect (a, "ipc://nobody.here"));
    SHOW (zmq_bind (a, "inproc://no-io-threads"));
    SHOW (zmq_connect (b, "inproc://no-io-threads"));
    SHOW (send_text (b, "hello", 0));
    show_message ("received", a);
    SHOW (zmq_close (a));
    SHOW (zmq_close (b));
    SHOW (zmq_ctx_term (context));
}

static int ends_with_io (const char *name)
{
    const char *io = strstr (name, "/IO/");
    return io && isdigit ((unsigned char) io[4]);
}

static int by_name (const void *a, const void *b)
{
    return strcmp (a, b);
}

/* Waits for so many I/O threads that are as expected, and prints their names. */
static void await_io_threads (int wanted, int policy, int cpus)
{
    char names[8][32];
    int count = 0;
    const long long end = now_ms () + PATIENCE_MS;
    do {
        DIR *tasks = opendir ("/proc/self/task");
        const struct dirent *task;
        count = 0;
        if (!tasks)
            give_up ("list of threads");
        while ((task = readdir (tasks)) && count < 8) {
            char path[300];
            cpu_set_t set;
            const pid_t thread = atoi (task->d_name);
            snprintf (path, sizeof path, "/proc/self/task/%s/comm", task->d_name);
            FILE *file = fopen (path, "r");
            if (!file)
                continue;
            const int named = fscanf (file, "%31[^\n]", names[count]) == 1 && ends_with_io (names[count]);
            fclose (file);
            if (named && sched_getscheduler (thread) == policy
                && sched_getaffinity (thread, sizeof set, &set) == 0 && CPU_COUNT (&set) == cpus)
                count++;
        }
        closedir (tasks);
        if (count == wanted)
            break;
        sleep_ms (1);
    } while (now_ms () < end);
    qsort (names, (size_t) count, sizeof names[0], by_name);
    printf ("I/O threads:");
    for (int i = 0; i < count; i++)
        printf (" %s", names[i]);
    printf ("\n");
}

static void observe_threads (void)
{
    cpu_set_t allowed;
    int first_cpu = 0;
    if (sched_getaffinity (0, sizeof allowed, &allowed) == -1)
        give_up ("affinity");
    const int cpus = CPU_COUNT (&allowed);
    while (!CPU_ISSET (first_cpu, &allowed))
        first_cpu++;

    section ("threads");
    void *context = zmq_ctx_new ();
    MUST (zmq_close (zmq_socket (context, ZMQ_PAIR)));
    await_io_threads (1, SCHED_OTHER, cpus);
    SHOW (zmq_ctx_term (context));

    section ("three threads with a number before their name");
    context = zmq_init (3);
    SHOW (zmq_ctx_set (context, ZMQ_THREAD_NAME_PREFIX, 12));
    MUST (zmq_close (zmq_socket (context, ZMQ_PAIR)));
    await_io_threads (3, SCHED_OTHER, cpus);
    SHOW (zmq_ctx_term (context));

    section ("a thread with a text before its name, a policy and a CPU");
    context = zmq_ctx_new ();
    SHOW (zmq_ctx_set_ext (context, ZMQ_THREAD_NAME_PREFIX, "abc", 3));
    SHOW (zmq_ctx_set (context, ZMQ_THREAD_SCHED_POLICY, SCHED_BATCH));
    MUST (zmq_ctx_set (context, ZMQ_THREAD_AFFINITY_CPU_ADD, first_cpu));
    SHOW (zmq_ctx_set (context, ZMQ_THREAD_AFFINITY_CPU_ADD, 9999));
    SHOW (zmq_ctx_set (context, ZMQ_THREAD_AFFINITY_CPU_REMOVE, 9999));
    SHOW (zmq_ctx_set (context, ZMQ_THREAD_AFFINITY_CPU_REMOVE, 9999));
    MUST (zmq_close (zmq_socket (context, ZMQ_PAIR)));
    await_io_threads (1, SCHED_BATCH, 1);
    SHOW (zmq_ctx_term (context));
}

static void observe_life (void)
{
    section ("without a context");
    int value = 1;
    size_t size = sizeof value;
    SHOW (zmq_ctx_set (NULL, ZMQ_IO_THREADS, 1));
    SHOW (zmq_ctx_get (NULL, ZMQ_IO_THREADS));
    SHOW (zmq_ctx_set_ext (NULL, ZMQ_IO_THREADS, &value, size));
    SHOW (zmq_ctx_get_ext (NULL, ZMQ_IO_THREADS, &value, &size));
    SHOW (zmq_ctx_shutdown (NULL));
    SHOW (zmq_ctx_term (NULL));
    SHOW (zmq_ctx_destroy (NULL));
    SHOW (zmq_term (NULL));
    SHOW_POINTER (zmq_init (-1));

    section ("zmq_init");
    void *context = zmq_init (0);
    SHOW (zmq_ctx_get (context, ZMQ_IO_THREADS));
    SHOW (zmq_term (context));
    context = zmq_init (7);
    SHOW (zmq_ctx_get (context, ZMQ_IO_THREADS));
    SHOW (zmq_ctx_destroy (context));

    section ("after the start, and after the end");
    context = zmq_ctx_new ();
    void *s = open_socket (context, ZMQ_PAIR);
    SHOW (zmq_ctx_set (context, ZMQ_IO_THREADS, 2));
    SHOW (zmq_ctx_get (context, ZMQ_IO_THREADS));
    SHOW (zmq_ctx_shutdown (context));
    SHOW (zmq_ctx_shutdown (context));
    SHOW (zmq_ctx_set (context, ZMQ_IO_THREADS, 3));
    SHOW (zmq_ctx_get (context, ZMQ_IO_THREADS));
    SHOW_POINTER (zmq_socket (context, ZMQ_PAIR));
    SHOW (zmq_close (s));
    SHOW (zmq_ctx_term (context));
}

int main (void)
{
    static const int strange[] = {INT_MIN, -1, LAST_OPTION + 1, 1000, INT_MAX};
    for (int option = 0; option <= LAST_OPTION; option++)
        try_option (option);
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++)
        try_option (strange[i]);
    observe_life ();
    observe_sockets_defaults ();
    observe_socket_count ();
    observe_no_io_threads ();
    observe_threads ();
    return 0;
}
