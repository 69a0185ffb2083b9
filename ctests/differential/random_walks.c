/*
 * Calls in random order on a few sockets that are joined by inproc: what each returns, and what every
 * socket is ready for afterwards. The same numbers drive both libraries, and one thread does
 * everything, so nothing depends on time.
 *
 * Left out is where the original depends on how far it has read ahead: ROUTER, REP, SUB and XSUB take a
 * message in to see whether there is one. So these have one peer, and no high-water mark to reach. And
 * there is no XPUB_MANUAL, where the original counts messages as requests.
 */
#include "observe.h"

enum { WALKS = 400, STEPS = 100, SOCKETS_MAX = 5, NAMES_MAX = 4, CONNECTIONS_MAX = 8 };

static uint64_t state;

/* A number below the limit. */
static int draw (int limit)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (int) ((state >> 33) % (uint64_t) limit);
}

/* ------------------------------------------------------------------ who takes part */

struct group {
    /* The kinds of either side, up to a -1. */
    int sides[2][4];
    /* Two sockets and one connection, made before anything else. */
    int reads_ahead;
};

static const struct group groups[] = {
  {{{ZMQ_PAIR, -1}, {ZMQ_PAIR, -1}}, 0},
  {{{ZMQ_PUSH, -1}, {ZMQ_PULL, -1}}, 0},
  {{{ZMQ_DEALER, -1}, {ZMQ_DEALER, -1}}, 0},
  {{{ZMQ_CLIENT, -1}, {ZMQ_SERVER, -1}}, 1},
  {{{ZMQ_SCATTER, -1}, {ZMQ_GATHER, -1}}, 0},
  {{{ZMQ_CHANNEL, -1}, {ZMQ_CHANNEL, -1}}, 0},
  {{{ZMQ_PUB, ZMQ_XPUB, ZMQ_XPUB, -1}, {ZMQ_SUB, ZMQ_XSUB, ZMQ_XSUB, -1}}, 1},
  {{{ZMQ_REQ, -1}, {ZMQ_REP, ZMQ_ROUTER, -1}}, 1},
  {{{ZMQ_DEALER, -1}, {ZMQ_REP, ZMQ_ROUTER, -1}}, 1},
  {{{ZMQ_ROUTER, -1}, {ZMQ_ROUTER, -1}}, 1},
};

struct walker {
    void *socket;
    int kind;
    /* Of whom a ROUTER or SERVER heard. */
    unsigned char peer[64];
    int peer_size;
    uint32_t routing_id;
    char bound[NAMES_MAX][32];
    int names;
    int connections;
};

static const struct group *group;
static struct walker walkers[SOCKETS_MAX];
static int count;

static int any_of (const int *kinds)
{
    int number = 0;
    while (kinds[number] >= 0)
        number++;
    return kinds[draw (number)];
}

/* Lets every socket hear of what the others did. */
static void settle (void)
{
    for (int turn = 0; turn < 4; turn++)
        for (int i = 0; i < count; i++)
            integer_option (walkers[i].socket, ZMQ_EVENTS);
}

/* ------------------------------------------------------------------ steps */

static void show_result (int rc)
{
    printf (" -> %d %s\n", rc, rc == -1 ? errno_name (zmq_errno ()) : "");
}

static const struct {
    const char *bytes;
    int size;
} texts[] = {{"", 0},      {"a", 1},    {"b", 1},     {"ab", 2},          {"\001a", 2},
             {"\001", 1},  {"\0a", 2},  {"\001ab", 3}, {"hello world", 11}, {"\001b", 2}};
enum { TEXTS = sizeof texts / sizeof *texts };

static void send_part (struct walker *walker)
{
    static char large[70000];
    const int which = draw (TEXTS);
    zmq_msg_t part;
    int flags = ZMQ_DONTWAIT | (draw (3) == 0 ? ZMQ_SNDMORE : 0);
    if (walker->kind == ZMQ_ROUTER && walker->peer_size > 0 && draw (3)) {
        printf ("send the peer's id");
        show_result (zmq_send (walker->socket, walker->peer, (size_t) walker->peer_size, flags | ZMQ_SNDMORE));
        return;
    }
    if (draw (40) == 0) {
        printf ("send large");
        show_result (zmq_send (walker->socket, large, sizeof large, flags));
        return;
    }
    MUST (zmq_msg_init_buffer (&part, texts[which].bytes, (size_t) texts[which].size));
    if (walker->kind == ZMQ_SERVER && walker->routing_id && draw (4))
        MUST (zmq_msg_set_routing_id (&part, walker->routing_id));
    printf ("send ");
    print_bytes (texts[which].bytes, (size_t) texts[which].size);
    printf ("%s", flags & ZMQ_SNDMORE ? " and more" : "");
    show_result (zmq_msg_send (&part, walker->socket, flags));
    zmq_msg_close (&part);
}

static void receive_part (struct walker *walker)
{
    zmq_msg_t part;
    zmq_msg_init (&part);
    printf ("receive");
    const int size = zmq_msg_recv (&part, walker->socket, ZMQ_DONTWAIT);
    if (size >= 0) {
        const unsigned char *bytes = zmq_msg_data (&part);
        const int more = zmq_msg_more (&part);
        printf (" ");
        /* A routing id or the number of a request: those are random. */
        if ((size == 5 && bytes[0] == 0) || (size == 4 && more))
            printf ("[ID]");
        else
            print_bytes (bytes, (size_t) size);
        printf ("%s", more ? " and more" : "");
        if (more && size > 0 && size <= (int) sizeof walker->peer && draw (2)) {
            memcpy (walker->peer, bytes, (size_t) size);
            walker->peer_size = size;
        }
        walker->routing_id = zmq_msg_routing_id (&part);
    }
    show_result (size);
    zmq_msg_close (&part);
}

static void set_option (struct walker *walker)
{
    static const int numbers[] = {
      ZMQ_ROUTER_MANDATORY, ZMQ_ROUTER_HANDOVER,      ZMQ_REQ_CORRELATE,            ZMQ_REQ_RELAXED,
      ZMQ_XPUB_VERBOSE,     ZMQ_XPUB_VERBOSER,        ZMQ_XPUB_NODROP,              ZMQ_INVERT_MATCHING,
      ZMQ_IMMEDIATE,        ZMQ_ONLY_FIRST_SUBSCRIBE, ZMQ_XSUB_VERBOSE_UNSUBSCRIBE, ZMQ_ROUTER_NOTIFY};
    static const int strings[] = {ZMQ_SUBSCRIBE, ZMQ_UNSUBSCRIBE,     ZMQ_SUBSCRIBE, ZMQ_UNSUBSCRIBE,
                                  ZMQ_ROUTING_ID, ZMQ_XPUB_WELCOME_MSG, ZMQ_HELLO_MSG, ZMQ_DISCONNECT_MSG};
    if (draw (2)) {
        const int option = numbers[draw (sizeof numbers / sizeof *numbers)];
        const int value = draw (3);
        printf ("set %d to %d", option, value);
        show_result (set_int (walker->socket, option, value));
    } else {
        const int option = strings[draw (sizeof strings / sizeof *strings)];
        const int which = draw (TEXTS);
        /* The original takes some of these for something else (see option_trials.h). */
        if (texts[which].bytes[0] == 1 && (option == ZMQ_SUBSCRIBE || option == ZMQ_UNSUBSCRIBE)) {
            printf ("nothing\n");
            return;
        }
        printf ("set %d to ", option);
        print_bytes (texts[which].bytes, (size_t) texts[which].size);
        show_result (zmq_setsockopt (walker->socket, option, texts[which].bytes, (size_t) texts[which].size));
    }
    if (group->reads_ahead)
        printf ("  topics %d\n", integer_option (walker->socket, ZMQ_TOPICS_COUNT));
}

static void bind_name (struct walker *walker)
{
    static int number;
    if (walker->names == NAMES_MAX) {
        printf ("no more names\n");
        return;
    }
    char *name = walker->bound[walker->names++];
    snprintf (name, sizeof walker->bound[0], "inproc://walk.%d", number++);
    printf ("bind");
    show_result (zmq_bind (walker->socket, name));
}

/* Connects to a name of somebody of the other side, if there is one. */
static void connect_name (struct walker *walker, int index)
{
    struct walker *other = &walkers[draw (count)];
    if ((other - walkers) % 2 == index % 2 || other->names == 0 || walker->connections == CONNECTIONS_MAX) {
        printf ("no name\n");
        return;
    }
    walker->connections++;
    printf ("connect");
    show_result (zmq_connect (walker->socket, other->bound[draw (other->names)]));
}

static void step (int index)
{
    struct walker *walker = &walkers[index];
    switch (draw (11)) {
        case 0:
            group->reads_ahead ? set_option (walker) : bind_name (walker);
            break;
        case 1:
            group->reads_ahead ? set_option (walker) : connect_name (walker, index);
            break;
        case 2:
            set_option (walker);
            break;
        case 3:
        case 4:
        case 5:
        case 6:
            send_part (walker);
            break;
        default:
            receive_part (walker);
    }
}

/* ------------------------------------------------------------------ a walk */

static void open_walkers (void *context)
{
    group = &groups[draw (sizeof groups / sizeof *groups)];
    count = group->reads_ahead ? 2 : 2 + draw (SOCKETS_MAX - 1);
    memset (walkers, 0, sizeof walkers);
    for (int i = 0; i < count; i++) {
        struct walker *walker = &walkers[i];
        walker->kind = any_of (group->sides[i % 2]);
        walker->socket = open_socket (context, walker->kind);
        printf ("%d is a %s\n", i, kind_name (walker->kind));
        if (draw (3) == 0)
            set_option (walker);
        if (!group->reads_ahead && draw (3) == 0) {
            MUST (set_int (walker->socket, ZMQ_SNDHWM, 1 + draw (4)));
            MUST (set_int (walker->socket, ZMQ_RCVHWM, 1 + draw (4)));
        }
    }
    if (group->reads_ahead) {
        const int binder = draw (2);
        bind_name (&walkers[binder]);
        MUST (zmq_connect (walkers[!binder].socket, walkers[binder].bound[0]));
    }
}

int main (void)
{
    void *context = zmq_ctx_new ();
    for (int walk = 0; walk < WALKS; walk++) {
        state = (uint64_t) walk * 7919 + 12345;
        draw (1);
        section ("walk %d", walk);
        open_walkers (context);
        for (int i = 0; i < STEPS; i++) {
            const int index = draw (count);
            settle ();
            printf ("%d: %d: ", i, index);
            step (index);
            settle ();
            printf ("  events");
            for (int k = 0; k < count; k++)
                printf (" %s", events_text (integer_option (walkers[k].socket, ZMQ_EVENTS)));
            printf ("\n");
        }
        for (int i = 0; i < count; i++)
            zmq_close (walkers[i].socket);
    }
    SHOW (zmq_ctx_term (context));
    return 0;
}
