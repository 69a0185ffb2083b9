/* Random messages of any size and number of parts through a proxy, both ways, and what it counted. */
#include "observe.h"
#include "observe/random.h"

enum { PEERS = 3, ROUNDS = 40, LARGE = 40000, LINES = 200000 };

struct ends {
    void *front, *back, *control;
};

static char front_end[128], back_end[128], control_end[128], body[LARGE];
static const char *const names[PEERS] = {"A", "a name of more than thirty-three bytes, in place", "c\1"};

/* What each peer's messages looked like, since those of several peers come in any order. */
static char seen[PEERS + 1][LINES];
static size_t used[PEERS + 1];

static void note (int peer, const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    used[peer] += (size_t) vsnprintf (seen[peer] + used[peer], LINES - used[peer], format, arguments);
    va_end (arguments);
    if (used[peer] >= LINES)
        give_up ("too much to note");
}

static void print_notes (void)
{
    for (int peer = 0; peer <= PEERS; peer++) {
        printf ("%s", seen[peer]);
        seen[peer][used[peer] = 0] = 0;
    }
}

static void *run_proxy (void *argument)
{
    struct ends *ends = argument;
    SHOW (zmq_proxy_steerable (ends->front, ends->back, NULL, ends->control));
    return NULL;
}

static size_t random_size (void)
{
    switch (below (12)) {
    case 0: return 0;
    case 1: return 200 + below (100);
    case 2: return 1000 + below (3000);
    case 3: return below (4) ? 5000 : LARGE - below (2);
    default: return below (60);
    }
}

static void send_part (void *socket, size_t size, int more)
{
    memset (body, 'a' + (int) below (26), size);
    MUST (zmq_send (socket, body, size, more ? ZMQ_SNDMORE : 0));
}

static void send_random (void *socket)
{
    for (int parts = 1 + (int) below (4) / 2 + (int) below (6) / 5 * 3; parts > 0; parts--)
        send_part (socket, random_size (), parts > 1);
}

/* The parts that are left of a message, noted for a peer; whether it was the last one. */
static int take_rest (void *socket, int peer)
{
    static char place[LARGE];
    int end = 0;
    do {
        place[0] = '-';
        const int size = zmq_recv (socket, place, sizeof place, 0);
        if (size == -1)
            give_up ("receive");
        note (peer, "%d%c ", size, place[0]);
        end = size == 3 && memcmp (place, "end", 3) == 0;
    } while (integer_option (socket, ZMQ_RCVMORE));
    note (peer, "\n");
    return end;
}

/* The peer named in the first part: none of them, if there is no such part. */
static int take_name (void *socket, int is_named)
{
    char name[256];
    if (!is_named)
        return PEERS;
    const int size = zmq_recv (socket, name, sizeof name, 0);
    if (!integer_option (socket, ZMQ_RCVMORE))
        printf ("a name by itself\n");
    for (int peer = 0; peer < PEERS; peer++)
        if (size == (int) strlen (names[peer]) && memcmp (name, names[peer], (size_t) size) == 0)
            return peer;
    give_up ("unknown peer");
    return PEERS;
}

/* Addresses without a message, more than a peer's high-water mark. */
static void only_address (void *far)
{
    for (int i = 0; i < 1500; i++)
        MUST (zmq_send (far, names[0], strlen (names[0]), 0));
}

/* Random answers, some to nobody, and some that are only an address. */
static void answer (void *far, int is_named)
{
    for (int i = (int) below (30); i > 0; i--) {
        const unsigned to = below (PEERS + 1);
        const char *name = to < PEERS ? names[to] : "nobody";
        const int is_address_only = is_named && below (8) == 0;
        if (is_named)
            MUST (zmq_send (far, name, strlen (name), is_address_only ? 0 : ZMQ_SNDMORE));
        if (!is_address_only)
            send_random (far);
    }
    for (int peer = 0; peer < PEERS; peer++) {
        if (is_named)
            MUST (zmq_send (far, names[peer], strlen (names[peer]), ZMQ_SNDMORE));
        MUST (zmq_send (far, "end", 3, 0));
    }
}

static void show_statistics (void *control)
{
    MUST (zmq_send (control, "STATISTICS", 10, 0));
    do {
        uint64_t value = 0;
        MUST (zmq_recv (control, &value, sizeof value, 0));
        printf ("counted %" PRIu64 "\n", value);
    } while (integer_option (control, ZMQ_RCVMORE));
}

static void bind_over (int tcp, void *socket, char *endpoint, size_t size)
{
    if (tcp)
        bind_tcp (socket, endpoint, size);
    else
        MUST (zmq_bind (socket, inproc_name (endpoint, size)));
}

static void walk (const char *name, const int kinds[4], int peers, int tcp)
{
    section ("%s over %s", name, tcp ? "tcp" : "inproc");
    void *context = zmq_ctx_new (), *near[PEERS];
    struct ends ends = {open_socket (context, kinds[1]), open_socket (context, kinds[2]),
                        open_socket (context, ZMQ_REP)};
    bind_over (tcp, ends.front, front_end, sizeof front_end);
    bind_over (tcp, ends.back, back_end, sizeof back_end);
    MUST (zmq_bind (ends.control, INPROC_NAME (control_end)));
    for (int i = 0; i < peers; i++) {
        near[i] = open_socket (context, kinds[0]);
        MUST (set_text (near[i], ZMQ_ROUTING_ID, names[i]));
        MUST (zmq_connect (near[i], front_end));
    }
    void *far = open_socket (context, kinds[3]), *control = open_socket (context, ZMQ_REQ);
    MUST (zmq_connect (far, back_end));
    MUST (zmq_connect (control, control_end));
    pthread_t thread;
    if (pthread_create (&thread, NULL, run_proxy, &ends))
        give_up ("thread");
    const int is_named = kinds[1] == ZMQ_ROUTER, answers = kinds[3] == ZMQ_DEALER;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = (int) below (30); i > 0; i--)
            send_random (near[below ((unsigned) peers)]);
        for (int i = 0; i < peers; i++)
            MUST (zmq_send (near[i], "end", 3, 0));
        for (int ended = 0; ended < peers;)
            ended += take_rest (far, take_name (far, is_named));
        if (is_named && round == 0)
            only_address (far);
        if (answers) {
            answer (far, is_named);
            /* Without names all three ends are the one peer's. */
            for (int i = 0; i < PEERS; i++)
                while (!take_rest (near[i % peers], i % peers))
                    ;
        }
        print_notes ();
    }
    show_statistics (control);
    MUST (zmq_send (control, "TERMINATE", 9, 0));
    pthread_join (thread, NULL);
    for (int i = 0; i < peers; i++)
        zmq_close (near[i]);
    zmq_close (far);
    zmq_close (control);
    zmq_close (ends.front);
    zmq_close (ends.back);
    zmq_close (ends.control);
    SHOW (zmq_ctx_term (context));
}

int main (void)
{
    static const int requests[] = {ZMQ_DEALER, ZMQ_ROUTER, ZMQ_DEALER, ZMQ_DEALER};
    static const int pipeline[] = {ZMQ_PUSH, ZMQ_PULL, ZMQ_PUSH, ZMQ_PULL};
    static const int dealers[] = {ZMQ_DEALER, ZMQ_DEALER, ZMQ_DEALER, ZMQ_DEALER};
    for (int tcp = 0; tcp < 2; tcp++) {
        walk ("requests", requests, PEERS, tcp);
        walk ("a pipeline", pipeline, 1, tcp);
        walk ("dealers", dealers, 1, tcp);
    }
    return 0;
}
