/*
 * The native ends of a browser's conversations: a socket of each kind, at an endpoint of its own.
 *
 *     sockets ws|wss [KEY CERTIFICATE]
 *
 * prints `NAME ENDPOINT` for each and then `READY`, and serves them until its input ends. What bodies
 * contain follows from their size, so that both ends can check them.
 *
 *     rep, server, dealer    send back what comes
 *     router                 sends it back behind the peer's routing id
 *     pull, gather           take down the size of each part, if its content is right
 *     sub, dish              take down what comes
 *     xpub                   answers a subscription with messages that fit and others, and takes down
 *                            when it ends
 *     push, scatter,         send when `control` says so
 *     pub, radio
 *     control                a REP for the orders of `take_orders`
 */
#define ZMQ_BUILD_DRAFT_API
#include <zmq.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST = 1 << 20, PARTS = 16, NAME = 32, ENDPOINT = 256 };

/* Around each length at which a frame's header grows, with the byte of flags and without. */
static const size_t sizes[] = {0, 1, 124, 125, 126, 65534, 65535, 65536, LARGEST};

struct role {
    const char *name;
    int kind;
    void (*serve) (void *socket);
    void *socket;
    char endpoint[ENDPOINT];
};

static void *context;
static const char *scheme;
static char *key, *certificate;
static void *monitor, *poller;
static int connected;
/* A line for everything taken down since it was asked for. */
static char heard[1 << 16];
static size_t heard_size;
static unsigned char body[LARGEST];

static void fail (const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    printf ("FAILED: ");
    vprintf (format, arguments);
    printf (" (%s)\n", zmq_strerror (zmq_errno ()));
    va_end (arguments);
    exit (1);
}

static int check (int result, const char *what)
{
    if (result == -1)
        fail ("%s", what);
    return result;
}

static void fill (size_t size)
{
    for (size_t i = 0; i < size; i++)
        body[i] = (unsigned char) (i * 7 + size);
}

static int is_right (const unsigned char *bytes, size_t size)
{
    fill (size);
    return memcmp (bytes, body, size) == 0;
}

/* ------------------------------------------------------------------ what each socket does */

static void *of (const char *name);
static struct role *role_of (const char *name);
static void bind_role (struct role *role);
static void add (struct role *role);

/* A REP may not answer before it has the whole request. */
static void echo (void *socket)
{
    zmq_msg_t parts[PARTS];
    int count = 0, more = 1;
    while (more) {
        if (count == PARTS)
            fail ("more than %d parts", PARTS);
        check (zmq_msg_init (&parts[count]), "zmq_msg_init");
        check (zmq_msg_recv (&parts[count], socket, 0), "zmq_msg_recv");
        more = zmq_msg_more (&parts[count++]);
    }
    for (int i = 0; i < count; i++)
        check (zmq_msg_send (&parts[i], socket, i + 1 < count ? ZMQ_SNDMORE : 0), "zmq_msg_send");
}

static void echo_behind_id (void *socket)
{
    char id[256];
    const int size = check (zmq_recv (socket, id, sizeof id, 0), "zmq_recv");
    check (zmq_send (socket, id, size, ZMQ_SNDMORE), "zmq_send");
    check (zmq_send (socket, id, size, ZMQ_SNDMORE), "zmq_send");
    echo (socket);
}

static void take_down (const char *text, size_t size)
{
    if (heard_size + size + 2 > sizeof heard)
        fail ("too much was heard");
    memcpy (heard + heard_size, text, size);
    heard[heard_size + size] = '\n';
    heard_size += size + 1;
}

/* Every part: its size, or that it is wrong. */
static void take_down_sizes (void *socket)
{
    zmq_msg_t part;
    int more;
    do {
        char text[NAME] = "wrong";
        check (zmq_msg_init (&part), "zmq_msg_init");
        check (zmq_msg_recv (&part, socket, 0), "zmq_msg_recv");
        more = zmq_msg_more (&part);
        if (is_right (zmq_msg_data (&part), zmq_msg_size (&part)))
            snprintf (text, sizeof text, "%zu%s", zmq_msg_size (&part), more ? "+" : "");
        take_down (text, strlen (text));
        zmq_msg_close (&part);
    } while (more);
}

static void take_down_text (void *socket)
{
    char text[NAME];
    const int size = check (zmq_recv (socket, text, sizeof text, 0), "zmq_recv");
    take_down (text, size < NAME ? size : NAME);
}

static void answer_subscription (void *socket)
{
    char text[NAME];
    const int size = check (zmq_recv (socket, text, sizeof text, 0), "zmq_recv");
    if (size < 1 || size > NAME)
        fail ("a subscription of %d bytes", size);
    if (text[0] == 0) {
        text[0] = '-';
        take_down (text, size);
        return;
    }
    check (zmq_send (socket, "aside", 5, 0), "zmq_send");
    check (zmq_send (socket, "bside", 5, 0), "zmq_send");
    check (zmq_send (socket, text + 1, size - 1, ZMQ_SNDMORE), "zmq_send");
    check (zmq_send (socket, "was subscribed", 14, 0), "zmq_send");
}

static void send_all_sizes (void *socket)
{
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        fill (sizes[i]);
        check (zmq_send (socket, body, sizes[i], 0), "zmq_send");
    }
}

static void publish (const char *topic, size_t size)
{
    check (zmq_send (of ("pub"), topic, strlen (topic), ZMQ_SNDMORE), "zmq_send");
    fill (size);
    check (zmq_send (of ("pub"), body, size, 0), "zmq_send");
}

static void send_to_group (const char *group, size_t size)
{
    zmq_msg_t message;
    fill (size);
    check (zmq_msg_init_buffer (&message, body, size), "zmq_msg_init_buffer");
    check (zmq_msg_set_group (&message, group), "zmq_msg_set_group");
    check (zmq_msg_send (&message, of ("radio"), 0), "zmq_msg_send");
}

static void send_where_wanted (void (*send) (const char *where, size_t size))
{
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        send ("unwanted", 3);
        send ("wanted", sizes[i]);
    }
}

/* The same port again, as a program takes it that starts again. */
static void rebind (struct role *role)
{
    check (zmq_poller_remove (poller, role->socket), "zmq_poller_remove");
    check (zmq_close (role->socket), "zmq_close");
    bind_role (role);
    add (role);
}

static void take_orders (void *socket)
{
    char order[NAME + 1], answer[NAME] = "done";
    const int size = check (zmq_recv (socket, order, NAME, 0), "zmq_recv");
    order[size < NAME ? size : NAME] = 0;
    if (strcmp (order, "heard") == 0) {
        check (zmq_send (socket, heard, heard_size, 0), "zmq_send");
        heard_size = 0;
        return;
    }
    if (strcmp (order, "push") == 0)
        send_all_sizes (of ("push"));
    else if (strcmp (order, "scatter") == 0)
        send_all_sizes (of ("scatter"));
    else if (strcmp (order, "greet") == 0) {
        publish ("wanted", 5);
        send_to_group ("wanted", 5);
    } else if (strcmp (order, "publish") == 0)
        send_where_wanted (publish);
    else if (strcmp (order, "radio") == 0)
        send_where_wanted (send_to_group);
    else if (strcmp (order, "rebind") == 0)
        rebind (role_of ("dealer"));
    else if (strcmp (order, "connected") == 0)
        snprintf (answer, sizeof answer, "%d", connected);
    else
        fail ("no such order: %s", order);
    check (zmq_send (socket, answer, strlen (answer), 0), "zmq_send");
}

/* ------------------------------------------------------------------ all of them */

static struct role roles[] = {
  {"rep", ZMQ_REP, echo, NULL, ""},
  {"router", ZMQ_ROUTER, echo_behind_id, NULL, ""},
  {"dealer", ZMQ_DEALER, echo, NULL, ""},
  {"server", ZMQ_SERVER, echo, NULL, ""},
  {"pull", ZMQ_PULL, take_down_sizes, NULL, ""},
  {"gather", ZMQ_GATHER, take_down_sizes, NULL, ""},
  {"push", ZMQ_PUSH, NULL, NULL, ""},
  {"scatter", ZMQ_SCATTER, NULL, NULL, ""},
  {"xpub", ZMQ_XPUB, answer_subscription, NULL, ""},
  {"pub", ZMQ_PUB, NULL, NULL, ""},
  {"sub", ZMQ_SUB, take_down_text, NULL, ""},
  {"radio", ZMQ_RADIO, NULL, NULL, ""},
  {"dish", ZMQ_DISH, take_down_text, NULL, ""},
  {"control", ZMQ_REP, take_orders, NULL, ""},
};
enum { ROLES = sizeof roles / sizeof *roles };

static struct role *role_of (const char *name)
{
    for (int i = 0; i < ROLES; i++)
        if (strcmp (roles[i].name, name) == 0)
            return &roles[i];
    fail ("no such socket: %s", name);
    return NULL;
}

static void *of (const char *name)
{
    return role_of (name)->socket;
}

static void set (void *socket, int option, const void *value, size_t size)
{
    if (zmq_setsockopt (socket, option, value, size) == -1)
        fail ("option %d", option);
}

static void set_int (void *socket, int option, int value)
{
    set (socket, option, &value, sizeof value);
}

static void bind_role (struct role *role)
{
    size_t room = ENDPOINT;
    role->socket = zmq_socket (context, role->kind);
    if (!role->socket)
        fail ("zmq_socket");
    set_int (role->socket, ZMQ_LINGER, 0);
    if (role->kind == ZMQ_PUB || role->kind == ZMQ_RADIO)
        set_int (role->socket, ZMQ_SNDHWM, 0);
    if (role->serve == echo && role->kind == ZMQ_REP) {
        /* A browser answers pings by itself. */
        set_int (role->socket, ZMQ_HEARTBEAT_IVL, 50);
        set_int (role->socket, ZMQ_HEARTBEAT_TIMEOUT, 4000);
    }
    if (role->kind == ZMQ_SUB)
        set (role->socket, ZMQ_SUBSCRIBE, "wanted", 6);
    if (role->kind == ZMQ_DISH)
        check (zmq_join (role->socket, "wanted"), "zmq_join");
    if (key) {
        set (role->socket, ZMQ_WSS_KEY_PEM, key, strlen (key));
        set (role->socket, ZMQ_WSS_CERT_PEM, certificate, strlen (certificate));
    }
    if (!*role->endpoint)
        snprintf (role->endpoint, ENDPOINT, "%s://127.0.0.1:*/%s", scheme, role->name);
    /* Closing the old one takes a moment. */
    while (zmq_bind (role->socket, role->endpoint) == -1)
        if (zmq_errno () != EADDRINUSE)
            fail ("%s", role->endpoint);
    check (zmq_getsockopt (role->socket, ZMQ_LAST_ENDPOINT, role->endpoint, &room), "ZMQ_LAST_ENDPOINT");
}

static char *contents (const char *path)
{
    char *text = calloc (1, 65536);
    FILE *file = fopen (path, "r");
    if (!text || !file || fread (text, 1, 65535, file) == 0)
        fail ("%s", path);
    fclose (file);
    return text;
}

static void watch_router (void)
{
    const int events = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED;
    monitor = zmq_socket (context, ZMQ_PAIR);
    check (zmq_socket_monitor (of ("router"), "inproc://monitor", events), "zmq_socket_monitor");
    check (zmq_connect (monitor, "inproc://monitor"), "zmq_connect");
}

static void take_event (void)
{
    unsigned char event[6];
    check (zmq_recv (monitor, event, sizeof event, 0), "zmq_recv");
    const int number = event[0] | event[1] << 8;
    connected += number == ZMQ_EVENT_DISCONNECTED ? -1 : 1;
    check (zmq_recv (monitor, NULL, 0, 0), "zmq_recv");
}

static void add (struct role *role)
{
    if (role->serve)
        check (zmq_poller_add (poller, role->socket, role, ZMQ_POLLIN), "zmq_poller_add");
}

/* Until there is no more input. */
static void serve (void)
{
    zmq_poller_event_t event;
    poller = zmq_poller_new ();
    for (int i = 0; i < ROLES; i++)
        add (&roles[i]);
    check (zmq_poller_add (poller, monitor, NULL, ZMQ_POLLIN), "zmq_poller_add");
    check (zmq_poller_add_fd (poller, 0, NULL, ZMQ_POLLIN), "zmq_poller_add_fd");
    for (;;) {
        check (zmq_poller_wait (poller, &event, -1), "zmq_poller_wait");
        struct role *role = event.user_data;
        if (role)
            role->serve (role->socket);
        else if (event.socket)
            take_event ();
        else
            break;
    }
    check (zmq_poller_destroy (&poller), "zmq_poller_destroy");
}

int main (int argc, char **argv)
{
    if (argc != 2 && argc != 4)
        fail ("usage: sockets ws|wss [KEY CERTIFICATE]");
    setvbuf (stdout, NULL, _IOLBF, 0);
    scheme = argv[1];
    if (argc == 4) {
        key = contents (argv[2]);
        certificate = contents (argv[3]);
    }
    context = zmq_ctx_new ();
    for (int i = 0; i < ROLES; i++) {
        bind_role (&roles[i]);
        printf ("%s %s\n", roles[i].name, roles[i].endpoint);
    }
    watch_router ();
    printf ("READY\n");
    serve ();
    for (int i = 0; i < ROLES; i++)
        check (zmq_close (roles[i].socket), "zmq_close");
    check (zmq_close (monitor), "zmq_close");
    check (zmq_ctx_term (context), "zmq_ctx_term");
    free (key);
    free (certificate);
    printf ("DONE\n");
    return 0;
}
