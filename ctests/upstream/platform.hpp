//  What the test programs of the original are told about our library.
//
//  Each of them includes the configuration header of the build it belongs to;
//  this is ours. It is written down, not asked from the library, so that
//  test_capabilities really checks zmq_has: when a mechanism or a transport
//  arrives, its line arrives here.
#pragma once

//  The system.
#if defined(__linux__)
#define ZMQ_HAVE_LINUX
#define ZMQ_HAVE_SO_PEERCRED
#define ZMQ_HAVE_SO_PRIORITY
#define ZMQ_HAVE_SO_BINDTODEVICE
#define ZMQ_HAVE_BUSY_POLL
#define HAVE_ACCEPT4
#define ZMQ_HAVE_TIPC
#elif defined(__APPLE__)
#define ZMQ_HAVE_OSX
#define ZMQ_HAVE_LOCAL_PEERCRED
#elif defined(__FreeBSD__)
#define ZMQ_HAVE_FREEBSD
#define ZMQ_HAVE_LOCAL_PEERCRED
#endif
#define HAVE_FORK
#define HAVE_MKDTEMP
#define HAVE_STRNLEN
#define HAVE_CLOCK_GETTIME
#define HAVE_IF_NAMETOINDEX
#define ZMQ_HAVE_NOEXCEPT
#define ZMQ_HAVE_UIO
#define ZMQ_HAVE_IFADDRS
#define ZMQ_HAVE_STRUCT_SOCKADDR_UN

//  What our library offers beyond tcp and inproc.
#define ZMQ_HAVE_IPC
#define ZMQ_HAVE_CURVE
#define ZMQ_HAVE_PPOLL
