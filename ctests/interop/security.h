/* The mechanisms: what a peer that is given one does to its socket, and a ZAP handler. */
#ifndef SECURITY_H
#define SECURITY_H

#include "exchange.h"

#include <pthread.h>

/* Keys that protect nothing but these tests. */
static const char *const SERVER_PUBLIC = "{ufPF5rL3#[uFR$B^(6}NA<3]O1{Y}6PnmH2AP3g";
static const char *const SERVER_SECRET = "I@*WFUXU>c[PPPb2nNXE)Mo1^j64LIpAZl!FOS@e";
static const char *const CLIENT_PUBLIC = "uTR![ssH{]rkLtK3Y{RTJ3Ma4qxZJ41k]{xr0]fJ";
static const char *const CLIENT_SECRET = ".B5yGbAl!#2}8x>C26dx6>NDfu$SNk4J/!wANB^[";

enum { ZAP_PARTS = 16, ZAP_ROOM = 256 };

static int is_part (const char *part, int size, const char *expected)
{
    return size == (int) strlen (expected) && memcmp (part, expected, (size_t) size) == 0;
}

/* Whether a request names the right user, with the right secret. */
static int is_known (char parts[ZAP_PARTS][ZAP_ROOM], const int *sizes, int count)
{
    if (is_part (parts[5], sizes[5], "NULL"))
        return count == 6;
    if (is_part (parts[5], sizes[5], "PLAIN"))
        return count == 8 && is_part (parts[6], sizes[6], "tester") && is_part (parts[7], sizes[7], "pass phrase");
    if (is_part (parts[5], sizes[5], "GSSAPI"))
        return count == 7 && sizes[6] > 9 && memcmp (parts[6], "zmqtest2/", 9) == 0;
    unsigned char key[32];
    zmq_z85_decode (key, CLIENT_PUBLIC);
    return count == 7 && is_part (parts[5], sizes[5], "CURVE") && sizes[6] == 32 && memcmp (parts[6], key, 32) == 0;
}

static void *handle_zap (void *socket)
{
    for (;;) {
        char parts[ZAP_PARTS][ZAP_ROOM];
        int sizes[ZAP_PARTS], count = 0, more = 1;
        while (more && count < ZAP_PARTS) {
            size_t size = sizeof more;
            sizes[count] = zmq_recv (socket, parts[count], ZAP_ROOM, 0);
            if (sizes[count] < 0) {
                zmq_close (socket);
                return NULL;
            }
            zmq_getsockopt (socket, ZMQ_RCVMORE, &more, &size);
            count++;
        }
        if (count < 6 || !is_part (parts[0], sizes[0], "1.0") || !is_part (parts[2], sizes[2], "interop"))
            fail ("a ZAP request of %d parts", count);
        zmq_send (socket, "1.0", 3, ZMQ_SNDMORE);
        zmq_send (socket, parts[1], (size_t) sizes[1], ZMQ_SNDMORE);
        zmq_send (socket, is_known (parts, sizes, count) ? "200" : "400", 3, ZMQ_SNDMORE);
        zmq_send (socket, "", 0, ZMQ_SNDMORE);
        zmq_send (socket, "tester", 6, ZMQ_SNDMORE);
        zmq_send (socket, "\007X-Quiet\000\000\000\003yes", 15, 0);
    }
}

/* The side that the mechanism calls the server, with a domain: it asks ZAP about its clients. */
static void serve_mechanism (struct peer *peer, const char *mechanism)
{
    check (zmq_setsockopt (peer->socket, ZMQ_ZAP_DOMAIN, "interop", 7), "ZMQ_ZAP_DOMAIN");
    if (strcmp (mechanism, "plain") == 0)
        set_int (peer, ZMQ_PLAIN_SERVER, 1);
    if (strcmp (mechanism, "curve") == 0) {
        set_int (peer, ZMQ_CURVE_SERVER, 1);
        check (zmq_setsockopt (peer->socket, ZMQ_CURVE_SECRETKEY, SERVER_SECRET, 41), "ZMQ_CURVE_SECRETKEY");
    }
    if (strcmp (mechanism, "gssapi") == 0) {
        set_int (peer, ZMQ_GSSAPI_SERVER, 1);
        check (zmq_setsockopt (peer->socket, ZMQ_GSSAPI_PRINCIPAL, "zmqtest2", 9), "ZMQ_GSSAPI_PRINCIPAL");
    }
}

static void *open_zap (void *context)
{
    void *handler = zmq_socket (context, ZMQ_REP);
    check (zmq_bind (handler, "inproc://zeromq.zap.01"), "zmq_bind to ZAP");
    return handler;
}

/* A server with a ZAP handler. */
static void be_server (struct peer *peer, const char *mechanism)
{
    peer->authenticates = 1;
    void *handler = open_zap (peer->context);
    serve_mechanism (peer, mechanism);
    pthread_t thread;
    if (pthread_create (&thread, NULL, handle_zap, handler) != 0)
        fail ("no thread");
    pthread_detach (thread);
}

static void be_client (struct peer *peer, const char *mechanism)
{
    if (strcmp (mechanism, "gssapi") == 0) {
        check (zmq_setsockopt (peer->socket, ZMQ_GSSAPI_PRINCIPAL, "zmqtest2", 9), "ZMQ_GSSAPI_PRINCIPAL");
        check (zmq_setsockopt (peer->socket, ZMQ_GSSAPI_SERVICE_PRINCIPAL, "zmqtest2", 9), "ZMQ_GSSAPI_SERVICE_PRINCIPAL");
    }
    if (strcmp (mechanism, "plain") == 0) {
        check (zmq_setsockopt (peer->socket, ZMQ_PLAIN_USERNAME, "tester", 6), "ZMQ_PLAIN_USERNAME");
        check (zmq_setsockopt (peer->socket, ZMQ_PLAIN_PASSWORD, "pass phrase", 11), "ZMQ_PLAIN_PASSWORD");
    }
    if (strcmp (mechanism, "curve") == 0) {
        check (zmq_setsockopt (peer->socket, ZMQ_CURVE_SERVERKEY, SERVER_PUBLIC, 41), "ZMQ_CURVE_SERVERKEY");
        check (zmq_setsockopt (peer->socket, ZMQ_CURVE_PUBLICKEY, CLIENT_PUBLIC, 41), "ZMQ_CURVE_PUBLICKEY");
        check (zmq_setsockopt (peer->socket, ZMQ_CURVE_SECRETKEY, CLIENT_SECRET, 41), "ZMQ_CURVE_SECRETKEY");
    }
}

#endif
