/* SERVER, CLIENT, SCATTER, GATHER, PEER and CHANNEL: routing ids, single parts, full and gone peers. */
#include "observe.h"

static char buffer[64];

static const char *name_endpoint (void *socket, const char *transport, char *endpoint, size_t size)
{
    if (strcmp (transport, "tcp") == 0)
        return bind_tcp (socket, endpoint, size);
    MUST (zmq_bind (socket, inproc_name (endpoint, size)));
    return endpoint;
}
#define BIND(socket, transport, endpoint)                                                          \
    name_endpoint ((socket), (transport), (endpoint), sizeof (endpoint))

static int send_to (void *socket, uint32_t routing_id, const char *text, int flags)
{
    zmq_msg_t message;
    zmq_msg_init_buffer (&message, text, strlen (text));
    if (routing_id)
        MUST (zmq_msg_set_routing_id (&message, routing_id));
    const int rc = zmq_msg_send (&message, socket, flags);
    const int error = zmq_errno ();
    zmq_msg_close (&message);
    errno = error;
    return rc;
}

/* Receives a message that must come and gives its routing id. */
static uint32_t show_from (const char *label, void *socket)
{
    zmq_msg_t message;
    zmq_msg_init (&message);
    printf ("%s: ", label);
    await_events (socket, ZMQ_POLLIN);
    if (zmq_msg_recv (&message, socket, ZMQ_DONTWAIT) == -1)
        printf ("FAILED with %s", errno_name (zmq_errno ()));
    print_bytes (zmq_msg_data (&message), zmq_msg_size (&message));
    const uint32_t routing_id = zmq_msg_routing_id (&message);
    printf (" from %s, more %d, group [%s]\n", routing_id ? "somebody" : "nobody",
            zmq_msg_more (&message), zmq_msg_group (&message));
    zmq_msg_close (&message);
    return routing_id;
}

static void ask_and_answer (void *context, const char *transport)
{
    char endpoint[128];
    section ("SERVER and CLIENT over %s", transport);
    void *server = open_socket (context, ZMQ_SERVER);
    void *one = open_socket (context, ZMQ_CLIENT);
    void *other = open_socket (context, ZMQ_CLIENT);
    BIND (server, transport, endpoint);
    MUST (zmq_connect (one, endpoint));
    MUST (zmq_connect (other, endpoint));
    show_events ("CLIENT connected", one);
    MUST (send_text (one, "from one", 0));
    const uint32_t first = show_from ("SERVER", server);
    MUST (send_text (other, "from other", 0));
    const uint32_t second = show_from ("SERVER", server);
    printf ("different ids: %d\n", first != second);
    SHOW (send_to (server, first, "to one", 0));
    SHOW (send_to (server, second, "to other", 0));
    show_from ("one", one);
    show_from ("other", other);
    SHOW (send_to (server, 0, "to nobody", 0));
    SHOW (send_to (server, first + second + 1, "to a stranger", 0));
    SHOW (send_to (server, first, "part", ZMQ_SNDMORE));
    SHOW (send_text (server, "without an id", 0));
    SHOW (send_text (one, "part", ZMQ_SNDMORE));
    show_silence ("SERVER", server);
    /* An id that a client sets is not the one its server sees. */
    SHOW (send_to (one, 4711, "with an id", 0));
    printf ("same id: %d\n", show_from ("SERVER", server) == first);
    SHOW (integer_option (server, ZMQ_RCVMORE));
    zmq_close (other);
    for (int k = 0; k < PATIENCE_MS; k++) {
        if (send_to (server, second, "gone?", ZMQ_DONTWAIT) == -1 && zmq_errno () == EHOSTUNREACH)
            break;
        /* The original notices the end of a connection when it looks for messages. */
        zmq_recv (server, buffer, sizeof buffer, ZMQ_DONTWAIT);
        sleep_ms (1);
    }
    SHOW (send_to (server, second, "gone", ZMQ_DONTWAIT));
    SHOW (send_to (server, first, "still there", 0));
    show_from ("one", one);
    zmq_close (one);
    zmq_close (server);
}

static void client_deals (void *context)
{
    char endpoint[2][128];
    void *servers[2];
    section ("CLIENT deals in turn");
    void *client = open_socket (context, ZMQ_CLIENT);
    show_events ("alone", client);
    SHOW (send_text (client, "x", ZMQ_DONTWAIT));
    for (int i = 0; i < 2; i++) {
        servers[i] = open_socket (context, ZMQ_SERVER);
        MUST (set_int (servers[i], ZMQ_RCVHWM, 1));
        MUST (zmq_bind (servers[i], INPROC_NAME (endpoint[i])));
    }
    MUST (set_int (client, ZMQ_SNDHWM, 1));
    MUST (zmq_connect (client, endpoint[0]));
    MUST (zmq_connect (client, endpoint[1]));
    for (int k = 0; k < 5; k++) {
        const char text[2] = {(char) ('0' + k), 0};
        SHOW (send_text (client, text, ZMQ_DONTWAIT));
    }
    show_events ("full", client);
    show_from ("first", servers[0]);
    show_from ("second", servers[1]);
    zmq_close (client);
    show_from ("first", servers[0]);
    show_from ("second", servers[1]);
    zmq_close (servers[0]);
    zmq_close (servers[1]);
}

static void full_server (void *context)
{
    char endpoint[128];
    section ("a full peer of a SERVER");
    void *server = open_socket (context, ZMQ_SERVER);
    void *client = open_socket (context, ZMQ_CLIENT);
    MUST (set_int (server, ZMQ_SNDHWM, 1));
    MUST (set_int (client, ZMQ_RCVHWM, 1));
    MUST (zmq_bind (server, INPROC_NAME (endpoint)));
    MUST (zmq_connect (client, endpoint));
    MUST (send_text (client, "hello", 0));
    const uint32_t id = show_from ("SERVER", server);
    SHOW (send_to (server, id, "1", ZMQ_DONTWAIT));
    SHOW (send_to (server, id, "2", ZMQ_DONTWAIT));
    SHOW (send_to (server, id, "3", ZMQ_DONTWAIT));
    show_events ("SERVER", server);
    MUST (set_int (server, ZMQ_SNDTIMEO, 20));
    SHOW (send_to (server, id, "3", 0));
    show_from ("CLIENT", client);
    show_from ("CLIENT", client);
    SHOW (send_to (server, id, "4", 0));
    show_from ("CLIENT", client);
    zmq_close (client);
    zmq_close (server);
}

static void peers (void *context, const char *transport)
{
    char endpoint[128];
    section ("PEER over %s", transport);
    void *one = open_socket (context, ZMQ_PEER);
    void *other = open_socket (context, ZMQ_PEER);
    BIND (one, transport, endpoint);
    show_events ("idle", other);
    const uint32_t id = zmq_connect_peer (other, endpoint);
    printf ("has an id: %d\n", id != 0);
    SHOW (send_to (other, id, "first", 0));
    const uint32_t back = show_from ("bound", one);
    SHOW (send_to (one, back, "second", 0));
    printf ("same id: %d\n", show_from ("connected", other) == id);
    SHOW (send_text (other, "without an id", 0));
    SHOW (send_to (other, id, "part", ZMQ_SNDMORE));
    printf ("another id: %d\n", zmq_connect_peer (other, endpoint) != id);
    SHOW (zmq_connect_peer (other, "nonsense"));
    SHOW (zmq_connect_peer (other, "nonsense://x"));
    MUST (set_int (other, ZMQ_IMMEDIATE, 1));
    SHOW (zmq_connect_peer (other, endpoint));
    printf ("%s\n", errno_name (zmq_errno ()));
    zmq_close (one);
    zmq_close (other);
}

static void no_peer (void *context)
{
    section ("connect_peer with other kinds");
    for (int kind = ZMQ_SERVER; kind <= ZMQ_CHANNEL; kind++) {
        if (kind == ZMQ_PEER)
            continue;
        void *s = open_socket (context, kind);
        printf ("%s: %u ", kind_name (kind), zmq_connect_peer (s, "inproc://nobody"));
        printf ("%s\n", errno_name (zmq_errno ()));
        zmq_close (s);
    }
}

static void scatter_and_gather (void *context)
{
    char endpoint[2][128];
    void *gather[2];
    section ("SCATTER and GATHER");
    void *scatter = open_socket (context, ZMQ_SCATTER);
    show_events ("alone", scatter);
    SHOW (send_text (scatter, "x", ZMQ_DONTWAIT));
    for (int i = 0; i < 2; i++) {
        gather[i] = open_socket (context, ZMQ_GATHER);
        BIND_TCP (gather[i], endpoint[i]);
        MUST (zmq_connect (scatter, endpoint[i]));
    }
    show_events ("connected", scatter);
    show_events ("GATHER", gather[0]);
    for (int k = 0; k < 4; k++) {
        const char text[2] = {(char) ('0' + k), 0};
        MUST (send_text (scatter, text, 0));
    }
    for (int i = 0; i < 2; i++) {
        show_from ("GATHER", gather[i]);
        show_from ("GATHER", gather[i]);
        show_silence ("GATHER", gather[i]);
    }
    SHOW (send_text (scatter, "part", ZMQ_SNDMORE));
    SHOW (send_text (gather[0], "back", ZMQ_DONTWAIT));
    SHOW (zmq_recv (scatter, buffer, sizeof buffer, ZMQ_DONTWAIT));
    zmq_close (scatter);
    zmq_close (gather[0]);
    zmq_close (gather[1]);
}

static void channel (void *context)
{
    char endpoint[128];
    section ("CHANNEL");
    void *one = open_socket (context, ZMQ_CHANNEL);
    void *other = open_socket (context, ZMQ_CHANNEL);
    void *third = open_socket (context, ZMQ_CHANNEL);
    show_events ("alone", one);
    SHOW (send_text (one, "x", ZMQ_DONTWAIT));
    SHOW (zmq_recv (one, buffer, sizeof buffer, ZMQ_DONTWAIT));
    MUST (zmq_bind (one, INPROC_NAME (endpoint)));
    MUST (zmq_connect (other, endpoint));
    MUST (send_text (other, "there", 0));
    show_from ("bound", one);
    MUST (send_text (one, "back", 0));
    show_from ("connected", other);
    SHOW (send_text (one, "part", ZMQ_SNDMORE));
    MUST (zmq_connect (third, endpoint));
    show_events ("first", one);
    await_no_events (third, ZMQ_POLLOUT);
    show_events ("third", third);
    SHOW (send_text (third, "x", ZMQ_DONTWAIT));
    zmq_close (third);
    zmq_close (other);
    await_no_events (one, ZMQ_POLLOUT);
    show_events ("alone again", one);
    zmq_close (one);
}

/* Nothing checks kinds over inproc, so other kinds can send what these drop. */
static void parts_are_dropped (void *context)
{
    static const int kinds[] = {ZMQ_SERVER, ZMQ_CLIENT, ZMQ_GATHER, ZMQ_PEER, ZMQ_CHANNEL};
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char endpoint[128];
        section ("%s drops messages of several parts", kind_name (kinds[i]));
        void *s = open_socket (context, kinds[i]);
        void *dealer = open_socket (context, ZMQ_DEALER);
        MUST (zmq_bind (s, INPROC_NAME (endpoint)));
        MUST (zmq_connect (dealer, endpoint));
        MUST (send_parts (dealer, "a", "b", NULL));
        MUST (send_parts (dealer, "c", "d", "e", NULL));
        MUST (send_text (dealer, "whole", 0));
        MUST (send_parts (dealer, "f", "g", NULL));
        show_from ("received", s);
        SHOW (zmq_recv (s, buffer, sizeof buffer, ZMQ_DONTWAIT));
        show_events ("afterwards", s);
        zmq_close (dealer);
        zmq_close (s);
    }
}

/* What a kind tells its peers, and is told itself, at the beginning and the end of a connection. */
static void notices (void *context, int binder, int connecter, const char *transport)
{
    char endpoint[128];
    section ("%s and %s over %s: hello, disconnect", kind_name (binder), kind_name (connecter), transport);
    void *one = open_socket (context, binder);
    void *other = open_socket (context, connecter);
    for (int i = 0; i < 2; i++) {
        void *s = i ? other : one;
        MUST (set_text (s, ZMQ_HELLO_MSG, i ? "hello from connecter" : "hello from binder"));
        MUST (set_text (s, ZMQ_DISCONNECT_MSG, i ? "connecter lost it" : "binder lost it"));
        MUST (set_text (s, ZMQ_HICCUP_MSG, "hiccup"));
    }
    BIND (one, transport, endpoint);
    MUST (zmq_connect (other, endpoint));
    if (binder == ZMQ_GATHER || connecter == ZMQ_GATHER || binder == ZMQ_CHANNEL)
        show_silence ("binder", one);
    else {
        show_from ("binder", one);
        show_from ("connecter", other);
    }
    zmq_close (other);
    if (binder == ZMQ_SERVER || binder == ZMQ_PEER)
        show_from ("binder", one);
    else
        show_silence ("binder", one);
    zmq_close (one);
}

int main (void)
{
    static const char *const transports[] = {"inproc", "tcp"};
    void *context = zmq_ctx_new ();
    for (int t = 0; t < 2; t++) {
        ask_and_answer (context, transports[t]);
        peers (context, transports[t]);
        notices (context, ZMQ_SERVER, ZMQ_CLIENT, transports[t]);
        notices (context, ZMQ_CLIENT, ZMQ_SERVER, transports[t]);
        notices (context, ZMQ_PEER, ZMQ_PEER, transports[t]);
        notices (context, ZMQ_GATHER, ZMQ_SCATTER, transports[t]);
        notices (context, ZMQ_CHANNEL, ZMQ_CHANNEL, transports[t]);
    }
    client_deals (context);
    full_server (context);
    no_peer (context);
    scatter_and_gather (context);
    channel (context);
    parts_are_dropped (context);
    SHOW (zmq_ctx_term (context));
    return 0;
}
