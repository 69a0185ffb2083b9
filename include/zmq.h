/* SPDX-License-Identifier: MPL-2.0 */

/* The C interface of ZeroMQ 4.3.5. Generated: change src/ffi, src/options/constants.rs or
   scripts/header-generator/zmq.h.in and run scripts/generate-header. */

#ifndef __ZMQ_H_INCLUDED__
#define __ZMQ_H_INCLUDED__

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#if !defined _WIN32
#include <signal.h>
#endif
#if defined _AIX || defined ZMQ_HAVE_AIX
/* It renames "events" and "revents" by macros, so it has to come before they are used here. */
#include <poll.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Version of the interface. */
#define ZMQ_VERSION_MAJOR 4
#define ZMQ_VERSION_MINOR 3
#define ZMQ_VERSION_PATCH 5
#define ZMQ_MAKE_VERSION(major, minor, patch) ((major) * 10000 + (minor) * 100 + (patch))
#define ZMQ_VERSION ZMQ_MAKE_VERSION(ZMQ_VERSION_MAJOR, ZMQ_VERSION_MINOR, ZMQ_VERSION_PATCH)

/* <stdint.h> is included above, by every version of this header. */
#define ZMQ_DEFINED_STDINT 1

/* How functions come from the library, or into it. Define ZMQ_STATIC on Windows to link the static
   library, ZMQ_NO_EXPORT to leave the declarations bare. */
#if defined ZMQ_NO_EXPORT || (defined _WIN32 && defined ZMQ_STATIC)
#define ZMQ_EXPORT
#elif defined _WIN32 && defined DLL_EXPORT
#define ZMQ_EXPORT __declspec(dllexport)
#elif defined _WIN32
#define ZMQ_EXPORT __declspec(dllimport)
#elif defined __SUNPRO_C || defined __SUNPRO_CC
#define ZMQ_EXPORT __global
#elif defined __INTEL_COMPILER || (defined __GNUC__ && __GNUC__ >= 4)
#define ZMQ_EXPORT __attribute__((visibility("default")))
#else
#define ZMQ_EXPORT
#endif

/* ---- Errors ------------------------------------------------------------- */

/* ZeroMQ's own numbers start here, far from those of any system. */
#define ZMQ_HAUSNUMERO 156384712

#define EFSM (ZMQ_HAUSNUMERO + 51)
#define ENOCOMPATPROTO (ZMQ_HAUSNUMERO + 52)
#define ETERM (ZMQ_HAUSNUMERO + 53)
#define EMTHREAD (ZMQ_HAUSNUMERO + 54)

/* Stand-ins where the system lacks a number of POSIX. */
#ifndef ENOTSUP
#define ENOTSUP (ZMQ_HAUSNUMERO + 1)
#endif
#ifndef EPROTONOSUPPORT
#define EPROTONOSUPPORT (ZMQ_HAUSNUMERO + 2)
#endif
#ifndef ENOBUFS
#define ENOBUFS (ZMQ_HAUSNUMERO + 3)
#endif
#ifndef ENETDOWN
#define ENETDOWN (ZMQ_HAUSNUMERO + 4)
#endif
#ifndef EADDRINUSE
#define EADDRINUSE (ZMQ_HAUSNUMERO + 5)
#endif
#ifndef EADDRNOTAVAIL
#define EADDRNOTAVAIL (ZMQ_HAUSNUMERO + 6)
#endif
#ifndef ECONNREFUSED
#define ECONNREFUSED (ZMQ_HAUSNUMERO + 7)
#endif
#ifndef EINPROGRESS
#define EINPROGRESS (ZMQ_HAUSNUMERO + 8)
#endif
#ifndef ENOTSOCK
#define ENOTSOCK (ZMQ_HAUSNUMERO + 9)
#endif
#ifndef EMSGSIZE
#define EMSGSIZE (ZMQ_HAUSNUMERO + 10)
#endif
#ifndef EAFNOSUPPORT
#define EAFNOSUPPORT (ZMQ_HAUSNUMERO + 11)
#endif
#ifndef ENETUNREACH
#define ENETUNREACH (ZMQ_HAUSNUMERO + 12)
#endif
#ifndef ECONNABORTED
#define ECONNABORTED (ZMQ_HAUSNUMERO + 13)
#endif
#ifndef ECONNRESET
#define ECONNRESET (ZMQ_HAUSNUMERO + 14)
#endif
#ifndef ENOTCONN
#define ENOTCONN (ZMQ_HAUSNUMERO + 15)
#endif
#ifndef ETIMEDOUT
#define ETIMEDOUT (ZMQ_HAUSNUMERO + 16)
#endif
#ifndef EHOSTUNREACH
#define EHOSTUNREACH (ZMQ_HAUSNUMERO + 17)
#endif
#ifndef ENETRESET
#define ENETRESET (ZMQ_HAUSNUMERO + 18)
#endif

/* Error number of the last call that failed in this thread; the same as C's errno. */
ZMQ_EXPORT int zmq_errno(void);

/* Describes an error number, ZeroMQ's own or the system's. */
ZMQ_EXPORT const char *zmq_strerror(int number);

/* ---- The library -------------------------------------------------------- */

#define ZMQ_HAS_CAPABILITIES 1

/* Version of the ZeroMQ interface this library stands in for. */
ZMQ_EXPORT void zmq_version(int *major, int *minor, int *patch);

/* Tells whether this build has a capability, such as "ipc" or "curve": 1 or 0. */
ZMQ_EXPORT int zmq_has(const char *capability);

/* ---- Contexts ----------------------------------------------------------- */

/* Options. */
#define ZMQ_IO_THREADS 1
#define ZMQ_MAX_SOCKETS 2
#define ZMQ_SOCKET_LIMIT 3
#define ZMQ_THREAD_PRIORITY 3
#define ZMQ_THREAD_SCHED_POLICY 4
#define ZMQ_THREAD_AFFINITY_CPU_ADD 7
#define ZMQ_THREAD_AFFINITY_CPU_REMOVE 8
#define ZMQ_THREAD_NAME_PREFIX 9
#define ZMQ_MAX_MSGSZ 5
#define ZMQ_MSG_T_SIZE 6

/* What they are in a new context. */
#define ZMQ_IO_THREADS_DFLT 1
#define ZMQ_MAX_SOCKETS_DFLT 1023
#define ZMQ_THREAD_PRIORITY_DFLT -1
#define ZMQ_THREAD_SCHED_POLICY_DFLT -1

/* Creates a context. */
ZMQ_EXPORT void *zmq_ctx_new(void);

/* Ends a context: waits until its sockets are closed and have delivered what they linger for. */
ZMQ_EXPORT int zmq_ctx_term(void *context);

/* Makes blocking calls on the context's sockets end with ETERM. */
ZMQ_EXPORT int zmq_ctx_shutdown(void *context);

/* Sets an option of a context. */
ZMQ_EXPORT int zmq_ctx_set(void *context, int option, int value);

/* Value of an option of a context, -1 on failure. */
ZMQ_EXPORT int zmq_ctx_get(void *context, int option);

/* Ends a context. Superseded by zmq_ctx_term. */
ZMQ_EXPORT int zmq_ctx_destroy(void *context);

/* Creates a context with a number of I/O threads. Superseded by zmq_ctx_new. */
ZMQ_EXPORT void *zmq_init(int io_threads);

/* Ends a context. Superseded by zmq_ctx_term. */
ZMQ_EXPORT int zmq_term(void *context);

/* ---- Messages ----------------------------------------------------------- */

/* Only the functions below look inside. It may be moved in memory, like any structure. */
typedef struct zmq_msg_t
{
#if defined _MSC_VER && defined _WIN64
    __declspec(align(8)) unsigned char _[64];
#elif defined _MSC_VER
    __declspec(align(4)) unsigned char _[64];
#elif defined __GNUC__ || defined __INTEL_COMPILER || (defined __SUNPRO_C && __SUNPRO_C >= 0x590) \
    || (defined __SUNPRO_CC && __SUNPRO_CC >= 0x590)
    unsigned char _[64] __attribute__((aligned(sizeof(void *))));
#else
    unsigned char _[64];
#endif
} zmq_msg_t;

/* Properties for zmq_msg_get; ZMQ_SRCFD is deprecated. */
#define ZMQ_MORE 1
#define ZMQ_SRCFD 2
#define ZMQ_SHARED 3

/* Frees the memory behind a message. */
typedef void (zmq_free_fn)(void *data, void *hint);

/* Makes an empty message. */
ZMQ_EXPORT int zmq_msg_init(zmq_msg_t *message);

/* Makes a message with room for a number of bytes. */
ZMQ_EXPORT int zmq_msg_init_size(zmq_msg_t *message, size_t size);

/* Makes a message of a buffer, which free takes back when it is no longer needed, in any thread. */
ZMQ_EXPORT int zmq_msg_init_data(zmq_msg_t *message, void *data, size_t size,
    zmq_free_fn *free, void *hint);

/* Gives back what a message holds. It must be made anew before it is used again. */
ZMQ_EXPORT int zmq_msg_close(zmq_msg_t *message);

/* Moves what a message holds to another; the first is empty then. */
ZMQ_EXPORT int zmq_msg_move(zmq_msg_t *to, zmq_msg_t *from);

/* Makes a message a copy of another. Large bodies are shared, not copied. */
ZMQ_EXPORT int zmq_msg_copy(zmq_msg_t *to, zmq_msg_t *from);

/* The bytes of a message. */
ZMQ_EXPORT void *zmq_msg_data(zmq_msg_t *message);

/* Number of bytes in a message. */
ZMQ_EXPORT size_t zmq_msg_size(const zmq_msg_t *message);

/* Tells whether more parts follow: 1 or 0. */
ZMQ_EXPORT int zmq_msg_more(const zmq_msg_t *message);

/* A property of a message (ZMQ_MORE, ZMQ_SRCFD, ZMQ_SHARED), -1 on failure. */
ZMQ_EXPORT int zmq_msg_get(const zmq_msg_t *message, int property);

/* Sets a property of a message. There is none that can be set. */
ZMQ_EXPORT int zmq_msg_set(zmq_msg_t *message, int property, int value);

/* A property of the connection that a message came over, such as "Peer-Address", or null. */
ZMQ_EXPORT const char *zmq_msg_gets(const zmq_msg_t *message,
    const char *property);

/* Sends a message, which is empty afterwards. */
ZMQ_EXPORT int zmq_msg_send(zmq_msg_t *message, void *socket, int flags);

/* Receives a message in place of what the caller's message holds. */
ZMQ_EXPORT int zmq_msg_recv(zmq_msg_t *message, void *socket, int flags);

/* ---- Sockets ------------------------------------------------------------ */

/* Kinds. */
#define ZMQ_PAIR 0
#define ZMQ_PUB 1
#define ZMQ_SUB 2
#define ZMQ_REQ 3
#define ZMQ_REP 4
#define ZMQ_DEALER 5
#define ZMQ_ROUTER 6
#define ZMQ_PULL 7
#define ZMQ_PUSH 8
#define ZMQ_XPUB 9
#define ZMQ_XSUB 10
#define ZMQ_STREAM 11

/* Options. */
#define ZMQ_AFFINITY 4
#define ZMQ_ROUTING_ID 5
#define ZMQ_SUBSCRIBE 6
#define ZMQ_UNSUBSCRIBE 7
#define ZMQ_RATE 8
#define ZMQ_RECOVERY_IVL 9
#define ZMQ_SNDBUF 11
#define ZMQ_RCVBUF 12
#define ZMQ_RCVMORE 13
#define ZMQ_FD 14
#define ZMQ_EVENTS 15
#define ZMQ_TYPE 16
#define ZMQ_LINGER 17
#define ZMQ_RECONNECT_IVL 18
#define ZMQ_BACKLOG 19
#define ZMQ_RECONNECT_IVL_MAX 21
#define ZMQ_MAXMSGSIZE 22
#define ZMQ_SNDHWM 23
#define ZMQ_RCVHWM 24
#define ZMQ_MULTICAST_HOPS 25
#define ZMQ_RCVTIMEO 27
#define ZMQ_SNDTIMEO 28
#define ZMQ_LAST_ENDPOINT 32
#define ZMQ_ROUTER_MANDATORY 33
#define ZMQ_TCP_KEEPALIVE 34
#define ZMQ_TCP_KEEPALIVE_CNT 35
#define ZMQ_TCP_KEEPALIVE_IDLE 36
#define ZMQ_TCP_KEEPALIVE_INTVL 37
#define ZMQ_IMMEDIATE 39
#define ZMQ_XPUB_VERBOSE 40
#define ZMQ_ROUTER_RAW 41
#define ZMQ_IPV6 42
#define ZMQ_MECHANISM 43
#define ZMQ_PLAIN_SERVER 44
#define ZMQ_PLAIN_USERNAME 45
#define ZMQ_PLAIN_PASSWORD 46
#define ZMQ_CURVE_SERVER 47
#define ZMQ_CURVE_PUBLICKEY 48
#define ZMQ_CURVE_SECRETKEY 49
#define ZMQ_CURVE_SERVERKEY 50
#define ZMQ_PROBE_ROUTER 51
#define ZMQ_REQ_CORRELATE 52
#define ZMQ_REQ_RELAXED 53
#define ZMQ_CONFLATE 54
#define ZMQ_ZAP_DOMAIN 55
#define ZMQ_ROUTER_HANDOVER 56
#define ZMQ_TOS 57
#define ZMQ_CONNECT_ROUTING_ID 61
#define ZMQ_GSSAPI_SERVER 62
#define ZMQ_GSSAPI_PRINCIPAL 63
#define ZMQ_GSSAPI_SERVICE_PRINCIPAL 64
#define ZMQ_GSSAPI_PLAINTEXT 65
#define ZMQ_HANDSHAKE_IVL 66
#define ZMQ_SOCKS_PROXY 68
#define ZMQ_XPUB_NODROP 69
#define ZMQ_BLOCKY 70
#define ZMQ_XPUB_MANUAL 71
#define ZMQ_XPUB_WELCOME_MSG 72
#define ZMQ_STREAM_NOTIFY 73
#define ZMQ_INVERT_MATCHING 74
#define ZMQ_HEARTBEAT_IVL 75
#define ZMQ_HEARTBEAT_TTL 76
#define ZMQ_HEARTBEAT_TIMEOUT 77
#define ZMQ_XPUB_VERBOSER 78
#define ZMQ_CONNECT_TIMEOUT 79
#define ZMQ_TCP_MAXRT 80
#define ZMQ_THREAD_SAFE 81
#define ZMQ_MULTICAST_MAXTPDU 84
#define ZMQ_VMCI_BUFFER_SIZE 85
#define ZMQ_VMCI_BUFFER_MIN_SIZE 86
#define ZMQ_VMCI_BUFFER_MAX_SIZE 87
#define ZMQ_VMCI_CONNECT_TIMEOUT 88
#define ZMQ_USE_FD 89
#define ZMQ_GSSAPI_PRINCIPAL_NAMETYPE 90
#define ZMQ_GSSAPI_SERVICE_PRINCIPAL_NAMETYPE 91
#define ZMQ_BINDTODEVICE 92

/* Security mechanisms. */
#define ZMQ_NULL 0
#define ZMQ_PLAIN 1
#define ZMQ_CURVE 2
#define ZMQ_GSSAPI 3

/* Types of GSSAPI names. */
#define ZMQ_GSSAPI_NT_HOSTBASED 0
#define ZMQ_GSSAPI_NT_USER_NAME 1
#define ZMQ_GSSAPI_NT_KRB5_PRINCIPAL 2

/* Flags for sending and receiving. */
#define ZMQ_DONTWAIT 1
#define ZMQ_SNDMORE 2

/* Longest name of a group of RADIO and DISH sockets. */
#define ZMQ_GROUP_MAX_LENGTH 255

/* Deprecated options, and old names of others. */
#define ZMQ_IPV4ONLY 31
#define ZMQ_TCP_ACCEPT_FILTER 38
#define ZMQ_IPC_FILTER_PID 58
#define ZMQ_IPC_FILTER_UID 59
#define ZMQ_IPC_FILTER_GID 60
#define ZMQ_XREQ ZMQ_DEALER
#define ZMQ_XREP ZMQ_ROUTER
#define ZMQ_IDENTITY ZMQ_ROUTING_ID
#define ZMQ_CONNECT_RID ZMQ_CONNECT_ROUTING_ID
#define ZMQ_DELAY_ATTACH_ON_CONNECT ZMQ_IMMEDIATE
#define ZMQ_FAIL_UNROUTABLE ZMQ_ROUTER_MANDATORY
#define ZMQ_ROUTER_BEHAVIOR ZMQ_ROUTER_MANDATORY
#define ZMQ_NOBLOCK ZMQ_DONTWAIT

/* Creates a socket of a kind (ZMQ_PUB, ZMQ_SUB...) in a context. */
ZMQ_EXPORT void *zmq_socket(void *context, int kind);

/* Closes a socket. What it lingers for is still delivered. */
ZMQ_EXPORT int zmq_close(void *socket);

/* Sets an option of a socket. */
ZMQ_EXPORT int zmq_setsockopt(void *socket, int option, const void *value,
    size_t size);

/* Writes an option of a socket into a buffer of the caller. */
ZMQ_EXPORT int zmq_getsockopt(void *socket, int option, void *value,
    size_t *size);

/* Accepts connections on an endpoint. */
ZMQ_EXPORT int zmq_bind(void *socket, const char *endpoint);

/* Connects to an endpoint, now and whenever the connection is lost. */
ZMQ_EXPORT int zmq_connect(void *socket, const char *endpoint);

/* Stops accepting connections on an endpoint. */
ZMQ_EXPORT int zmq_unbind(void *socket, const char *endpoint);

/* Ends the connection to an endpoint. */
ZMQ_EXPORT int zmq_disconnect(void *socket, const char *endpoint);

/* Sends a copy of a buffer. */
ZMQ_EXPORT int zmq_send(void *socket, const void *data, size_t size, int flags);

/* Sends a buffer that stays as it is for ever, so that it need not be copied. */
ZMQ_EXPORT int zmq_send_const(void *socket, const void *data, size_t size,
    int flags);

/* Receives into a buffer and returns the size of the message, which may be larger. */
ZMQ_EXPORT int zmq_recv(void *socket, void *place, size_t size, int flags);

/* Older forms of zmq_msg_send and zmq_msg_recv. */
struct iovec;

/* Sends a message. Superseded by zmq_msg_send. */
ZMQ_EXPORT int zmq_sendmsg(void *socket, zmq_msg_t *message, int flags);

/* Receives a message. Superseded by zmq_msg_recv. */
ZMQ_EXPORT int zmq_recvmsg(void *socket, zmq_msg_t *message, int flags);

/* Sends buffers one after the other, as one message of several parts if ZMQ_SNDMORE is set. */
ZMQ_EXPORT int zmq_sendiov(void *socket, struct iovec *buffers, size_t count,
    int flags);

/* Receives the parts of a message into buffers that the caller gives to free. */
ZMQ_EXPORT int zmq_recviov(void *socket, struct iovec *buffers, size_t *count,
    int flags);

/* ---- Monitoring --------------------------------------------------------- */

#define ZMQ_EVENT_CONNECTED 0x0001
#define ZMQ_EVENT_CONNECT_DELAYED 0x0002
#define ZMQ_EVENT_CONNECT_RETRIED 0x0004
#define ZMQ_EVENT_LISTENING 0x0008
#define ZMQ_EVENT_BIND_FAILED 0x0010
#define ZMQ_EVENT_ACCEPTED 0x0020
#define ZMQ_EVENT_ACCEPT_FAILED 0x0040
#define ZMQ_EVENT_CLOSED 0x0080
#define ZMQ_EVENT_CLOSE_FAILED 0x0100
#define ZMQ_EVENT_DISCONNECTED 0x0200
#define ZMQ_EVENT_MONITOR_STOPPED 0x0400
#define ZMQ_EVENT_ALL 0xffff
#define ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL 0x0800
#define ZMQ_EVENT_HANDSHAKE_SUCCEEDED 0x1000
#define ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL 0x2000
#define ZMQ_EVENT_HANDSHAKE_FAILED_AUTH 0x4000

/* Values of ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL. */
#define ZMQ_PROTOCOL_ERROR_ZMTP_UNSPECIFIED 0x10000000
#define ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND 0x10000001
#define ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_SEQUENCE 0x10000002
#define ZMQ_PROTOCOL_ERROR_ZMTP_KEY_EXCHANGE 0x10000003
#define ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED 0x10000011
#define ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_MESSAGE 0x10000012
#define ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_HELLO 0x10000013
#define ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_INITIATE 0x10000014
#define ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_ERROR 0x10000015
#define ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_READY 0x10000016
#define ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_WELCOME 0x10000017
#define ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_METADATA 0x10000018
#define ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC 0x11000001
#define ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH 0x11000002
#define ZMQ_PROTOCOL_ERROR_ZAP_UNSPECIFIED 0x20000000
#define ZMQ_PROTOCOL_ERROR_ZAP_MALFORMED_REPLY 0x20000001
#define ZMQ_PROTOCOL_ERROR_ZAP_BAD_REQUEST_ID 0x20000002
#define ZMQ_PROTOCOL_ERROR_ZAP_BAD_VERSION 0x20000003
#define ZMQ_PROTOCOL_ERROR_ZAP_INVALID_STATUS_CODE 0x20000004
#define ZMQ_PROTOCOL_ERROR_ZAP_INVALID_METADATA 0x20000005
#define ZMQ_PROTOCOL_ERROR_WS_UNSPECIFIED 0x30000000

/* Sends events of a socket to a PAIR socket bound to an inproc endpoint; null ends that. */
ZMQ_EXPORT int zmq_socket_monitor(void *socket, const char *endpoint,
    int events);

/* ---- Polling ------------------------------------------------------------ */

#if defined _WIN32
typedef uintptr_t zmq_fd_t;
#else
typedef int zmq_fd_t;
#endif

#define ZMQ_POLLIN 1
#define ZMQ_POLLOUT 2
#define ZMQ_POLLERR 4
#define ZMQ_POLLPRI 8
#define ZMQ_POLLITEMS_DFLT 16

/* One line of the table given to zmq_poll: a ZeroMQ socket, or a descriptor where it is null. */
typedef struct zmq_pollitem_t {
    void *socket;
    zmq_fd_t fd;
    short events;
    short revents;
} zmq_pollitem_t;

/* Waits, for at most timeout milliseconds (-1: without end), until one of the items is ready. */
ZMQ_EXPORT int zmq_poll(struct zmq_pollitem_t *items, int count, long timeout);

/* ---- Proxies ------------------------------------------------------------ */

/* Kinds of zmq_device, which do not matter any more. */
#define ZMQ_STREAMER 1
#define ZMQ_FORWARDER 2
#define ZMQ_QUEUE 3

/* Passes messages between two sockets, both ways, until the context ends. */
ZMQ_EXPORT int zmq_proxy(void *frontend, void *backend, void *capture);

/* A proxy that obeys PAUSE, RESUME, TERMINATE and STATISTICS from a control socket. */
ZMQ_EXPORT int zmq_proxy_steerable(void *frontend, void *backend, void *capture,
    void *control);

/* A proxy without a capture socket. Superseded by zmq_proxy. */
ZMQ_EXPORT int zmq_device(int kind, void *frontend, void *backend);

/* ---- Keys --------------------------------------------------------------- */

/* Writes size bytes, a multiple of 4, as Z85 text: 5 characters for every 4 bytes and a final nul. */
ZMQ_EXPORT char *zmq_z85_encode(char *text, const uint8_t *data, size_t size);

/* Reads Z85 text, whose length is a multiple of 5, into 4 bytes for every 5 characters. */
ZMQ_EXPORT uint8_t *zmq_z85_decode(uint8_t *data, const char *text);

/* Makes a CURVE key pair, each key as 40 characters of Z85 and a nul. */
ZMQ_EXPORT int zmq_curve_keypair(char *public_key, char *secret_key);

/* Derives the public CURVE key of a secret one, both in Z85. */
ZMQ_EXPORT int zmq_curve_public(char *public_key, const char *secret_key);

/* ---- Timers ------------------------------------------------------------- */

#define ZMQ_HAVE_TIMERS

/* Runs when a timer is due. */
typedef void (zmq_timer_fn)(int timer_id, void *argument);

/* Creates a set of timers, or returns null. */
ZMQ_EXPORT void *zmq_timers_new(void);

/* Destroys a set of timers and sets the caller's pointer to null. */
ZMQ_EXPORT int zmq_timers_destroy(void **timers);

/* Adds a timer that is due every interval milliseconds and returns its number. */
ZMQ_EXPORT int zmq_timers_add(void *timers, size_t interval,
    zmq_timer_fn *function, void *argument);

/* Removes a timer. */
ZMQ_EXPORT int zmq_timers_cancel(void *timers, int timer_id);

/* Changes the interval of a timer, which starts anew. */
ZMQ_EXPORT int zmq_timers_set_interval(void *timers, int timer_id,
    size_t interval);

/* Starts a timer's interval anew. */
ZMQ_EXPORT int zmq_timers_reset(void *timers, int timer_id);

/* Milliseconds until the next timer is due, -1 when there is none. */
ZMQ_EXPORT long zmq_timers_timeout(void *timers);

/* Runs the functions of all timers that are due. */
ZMQ_EXPORT int zmq_timers_execute(void *timers);

/* ---- Helpers: atomic counters, stopwatches, threads --------------------- */

/* Creates an atomic counter that stands at zero. */
ZMQ_EXPORT void *zmq_atomic_counter_new(void);

/* Sets an atomic counter. */
ZMQ_EXPORT void zmq_atomic_counter_set(void *counter, int value);

/* Adds one to an atomic counter and returns what it was before. */
ZMQ_EXPORT int zmq_atomic_counter_inc(void *counter);

/* Takes one from an atomic counter: 0 when it reached zero, else 1. */
ZMQ_EXPORT int zmq_atomic_counter_dec(void *counter);

/* Value of an atomic counter. */
ZMQ_EXPORT int zmq_atomic_counter_value(void *counter);

/* Destroys an atomic counter and sets the caller's pointer to null. */
ZMQ_EXPORT void zmq_atomic_counter_destroy(void **counter);

/* Starts a stopwatch and returns its handle. */
ZMQ_EXPORT void *zmq_stopwatch_start(void);

/* Microseconds since a stopwatch started; it goes on. */
ZMQ_EXPORT unsigned long zmq_stopwatch_intermediate(void *stopwatch);

/* Microseconds since a stopwatch started; the stopwatch is destroyed. */
ZMQ_EXPORT unsigned long zmq_stopwatch_stop(void *stopwatch);

/* Sleeps for a number of seconds; a signal ends the sleep early. */
ZMQ_EXPORT void zmq_sleep(int seconds);

/* The body of a thread. It may leave through pthread_exit, so it may unwind. */
typedef void (zmq_thread_fn)(void *argument);

/* Starts a thread and returns its handle, or null. */
ZMQ_EXPORT void *zmq_threadstart(zmq_thread_fn *function, void *argument);

/* Waits for a thread to end and destroys its handle. */
ZMQ_EXPORT void zmq_threadclose(void *thread);

/* ---- Drafts: they may still change -------------------------------------- */

#ifdef ZMQ_BUILD_DRAFT_API

/* Kinds of sockets. */
#define ZMQ_SERVER 12
#define ZMQ_CLIENT 13
#define ZMQ_RADIO 14
#define ZMQ_DISH 15
#define ZMQ_GATHER 16
#define ZMQ_SCATTER 17
#define ZMQ_DGRAM 18
#define ZMQ_PEER 19
#define ZMQ_CHANNEL 20

/* Options of contexts. */
#define ZMQ_ZERO_COPY_RECV 10

/* Options of sockets. */
#define ZMQ_ZAP_ENFORCE_DOMAIN 93
#define ZMQ_LOOPBACK_FASTPATH 94
#define ZMQ_METADATA 95
#define ZMQ_MULTICAST_LOOP 96
#define ZMQ_ROUTER_NOTIFY 97
#define ZMQ_XPUB_MANUAL_LAST_VALUE 98
#define ZMQ_SOCKS_USERNAME 99
#define ZMQ_SOCKS_PASSWORD 100
#define ZMQ_IN_BATCH_SIZE 101
#define ZMQ_OUT_BATCH_SIZE 102
#define ZMQ_WSS_KEY_PEM 103
#define ZMQ_WSS_CERT_PEM 104
#define ZMQ_WSS_TRUST_PEM 105
#define ZMQ_WSS_HOSTNAME 106
#define ZMQ_WSS_TRUST_SYSTEM 107
#define ZMQ_ONLY_FIRST_SUBSCRIBE 108
#define ZMQ_RECONNECT_STOP 109
#define ZMQ_HELLO_MSG 110
#define ZMQ_DISCONNECT_MSG 111
#define ZMQ_PRIORITY 112
#define ZMQ_BUSY_POLL 113
#define ZMQ_HICCUP_MSG 114
#define ZMQ_XSUB_VERBOSE_UNSUBSCRIBE 115
#define ZMQ_TOPICS_COUNT 116
#define ZMQ_NORM_MODE 117
#define ZMQ_NORM_UNICAST_NACK 118
#define ZMQ_NORM_BUFFER_SIZE 119
#define ZMQ_NORM_SEGMENT_SIZE 120
#define ZMQ_NORM_BLOCK_SIZE 121
#define ZMQ_NORM_NUM_PARITY 122
#define ZMQ_NORM_NUM_AUTOPARITY 123
#define ZMQ_NORM_PUSH 124

/* Values of ZMQ_NORM_MODE. */
#define ZMQ_NORM_FIXED 0
#define ZMQ_NORM_CC 1
#define ZMQ_NORM_CCL 2
#define ZMQ_NORM_CCE 3
#define ZMQ_NORM_CCE_ECNONLY 4

/* Bits of ZMQ_RECONNECT_STOP. */
#define ZMQ_RECONNECT_STOP_CONN_REFUSED 1
#define ZMQ_RECONNECT_STOP_HANDSHAKE_FAILED 2
#define ZMQ_RECONNECT_STOP_AFTER_DISCONNECT 4

/* Bits of ZMQ_ROUTER_NOTIFY. */
#define ZMQ_NOTIFY_CONNECT 1
#define ZMQ_NOTIFY_DISCONNECT 2

/* Names for zmq_msg_gets. */
#define ZMQ_MSG_PROPERTY_ROUTING_ID "Routing-Id"
#define ZMQ_MSG_PROPERTY_SOCKET_TYPE "Socket-Type"
#define ZMQ_MSG_PROPERTY_USER_ID "User-Id"
#define ZMQ_MSG_PROPERTY_PEER_ADDRESS "Peer-Address"

/* Sets an option of a context that need not be an integer. */
ZMQ_EXPORT int zmq_ctx_set_ext(void *context, int option, const void *value,
    size_t size);

/* Writes an option of a context into a buffer of the caller. */
ZMQ_EXPORT int zmq_ctx_get_ext(void *context, int option, void *value,
    size_t *size);

/* Makes a message with a copy of a buffer. */
ZMQ_EXPORT int zmq_msg_init_buffer(zmq_msg_t *message, const void *data,
    size_t size);

/* Names the peer of a SERVER socket that a message is for. */
ZMQ_EXPORT int zmq_msg_set_routing_id(zmq_msg_t *message, uint32_t routing_id);

/* The peer of a SERVER socket that a message came from, 0 for none. */
ZMQ_EXPORT uint32_t zmq_msg_routing_id(zmq_msg_t *message);

/* Sets the group of a message for a RADIO socket. Of a longer name the first 255 bytes count. */
ZMQ_EXPORT int zmq_msg_set_group(zmq_msg_t *message, const char *group);

/* The group of a message of RADIO and DISH sockets, empty for none. */
ZMQ_EXPORT const char *zmq_msg_group(zmq_msg_t *message);

/* Joins a group, whose messages a DISH socket receives from now on. */
ZMQ_EXPORT int zmq_join(void *socket, const char *group);

/* Leaves a group. */
ZMQ_EXPORT int zmq_leave(void *socket, const char *group);

/* Connects a PEER socket and returns the routing id of the other side, 0 on failure. */
ZMQ_EXPORT uint32_t zmq_connect_peer(void *socket, const char *endpoint);

/* Ends the connection to the peer of a SERVER or PEER socket that has a routing id. */
ZMQ_EXPORT int zmq_disconnect_peer(void *socket, uint32_t routing_id);

/* Tells whether a peer of a ROUTER socket can be written to, as ZMQ_POLLOUT. */
ZMQ_EXPORT int zmq_socket_get_peer_state(void *socket, const void *routing_id,
    size_t routing_id_size);

/* Monitoring of pipes. */
#define ZMQ_EVENT_PIPES_STATS 0x10000
#define ZMQ_CURRENT_EVENT_VERSION 1
#define ZMQ_CURRENT_EVENT_VERSION_DRAFT 2
#define ZMQ_EVENT_ALL_V1 ZMQ_EVENT_ALL
#define ZMQ_EVENT_ALL_V2 (ZMQ_EVENT_ALL_V1 | ZMQ_EVENT_PIPES_STATS)

/* Sends events of a socket, in the form of a version, to a socket bound to an inproc endpoint. */
ZMQ_EXPORT int zmq_socket_monitor_versioned(void *socket, const char *endpoint,
    uint64_t events, int event_version, int kind);

/* Asks for an event about each pipe of a socket, with the number of messages in its queues. */
ZMQ_EXPORT int zmq_socket_monitor_pipes_stats(void *socket);

/* Pollers, which also wait for thread-safe sockets. */
#define ZMQ_HAVE_POLLER

/* What a poller reports about one socket or descriptor. */
typedef struct zmq_poller_event_t {
    void *socket;
    zmq_fd_t fd;
    void *user_data;
    short events;
} zmq_poller_event_t;

/* Creates a poller, or returns null. */
ZMQ_EXPORT void *zmq_poller_new(void);

/* Destroys a poller and sets the caller's pointer to null. */
ZMQ_EXPORT int zmq_poller_destroy(void **poller);

/* Number of sockets and descriptors in a poller. */
ZMQ_EXPORT int zmq_poller_size(void *poller);

/* Adds a socket to a poller. */
ZMQ_EXPORT int zmq_poller_add(void *poller, void *socket, void *user_data,
    short events);

/* Changes the events a poller waits for on a socket. */
ZMQ_EXPORT int zmq_poller_modify(void *poller, void *socket, short events);

/* Removes a socket from a poller. */
ZMQ_EXPORT int zmq_poller_remove(void *poller, void *socket);

/* Waits for one event, for at most timeout milliseconds (-1: without end). */
ZMQ_EXPORT int zmq_poller_wait(void *poller, struct zmq_poller_event_t *event,
    long timeout);

/* Waits for up to capacity events and returns their number. */
ZMQ_EXPORT int zmq_poller_wait_all(void *poller,
    struct zmq_poller_event_t *events, int capacity, long timeout);

/* Gives the descriptor that becomes readable when a poller of thread-safe sockets has an event. */
ZMQ_EXPORT int zmq_poller_fd(void *poller, zmq_fd_t *fd);

/* Adds a descriptor to a poller. */
ZMQ_EXPORT int zmq_poller_add_fd(void *poller, zmq_fd_t fd, void *user_data,
    short events);

/* Changes the events a poller waits for on a descriptor. */
ZMQ_EXPORT int zmq_poller_modify_fd(void *poller, zmq_fd_t fd, short events);

/* Removes a descriptor from a poller. */
ZMQ_EXPORT int zmq_poller_remove_fd(void *poller, zmq_fd_t fd);

#if defined _WIN32
ZMQ_EXPORT int zmq_ppoll(zmq_pollitem_t *items, int count, long timeout, const void *signal_mask);
#elif defined SIG_BLOCK /* Without POSIX there is no sigset_t. */

/* zmq_poll with a mask of blocked signals that holds while it waits. */
ZMQ_EXPORT int zmq_ppoll(struct zmq_pollitem_t *items, int count, long timeout,
    const sigset_t *signal_mask);
#endif

#endif /* ZMQ_BUILD_DRAFT_API */

#undef ZMQ_EXPORT

#ifdef __cplusplus
}
#endif

#endif
