/* Endpoint strings of every shape, for the programs that bind, connect, unbind and disconnect them. */
#ifndef ENDPOINTS_H
#define ENDPOINTS_H

#include "observe.h"

/* PORT stands for a free port, HIGH for the same port plus 65536, NAME for a name of this process. */
static const char *const ENDPOINTS[] = {
  /* not even a transport */
  "", ":", "/", "://", "tcp", "tcp:", "tcp:/", "tcp://", "inproc://", "inproc:", "inproc:/", "ipc://",
  "://127.0.0.1:PORT", "TCP://127.0.0.1:PORT", "Tcp://127.0.0.1:PORT", "tcp//127.0.0.1:PORT",
  "tcp:127.0.0.1:PORT", " tcp://127.0.0.1:PORT", "tcp ://127.0.0.1:PORT", "foo://bar", "INPROC://x",
  "IPC://x", "http://127.0.0.1:PORT", "tcps://127.0.0.1:PORT", "unix://x", "127.0.0.1:PORT",
  "tcp4://127.0.0.1:PORT", "vmci://*:*", "epgm://x", "norm://x",
  /* ports */
  "tcp://127.0.0.1", "tcp://127.0.0.1:", "tcp://127.0.0.1:*", "tcp://127.0.0.1:0",
  "tcp://127.0.0.1:PORT", "tcp://127.0.0.1:HIGH", "tcp://127.0.0.1:65536", "tcp://127.0.0.1:131072",
  "tcp://127.0.0.1:abc", "tcp://127.0.0.1:PORTabc", "tcp://127.0.0.1:+PORT", "tcp://127.0.0.1: PORT",
  "tcp://127.0.0.1:00PORT", "tcp://127.0.0.1:PORT ", "tcp://127.0.0.1:**", "tcp://127.0.0.1:*PORT",
  "tcp://127.0.0.1:!", "tcp://127.0.0.1:PORT/path", "tcp://127.0.0.1/path:PORT", "tcp://127.0.0.1:00",
  "tcp://127.0.0.1:http", "tcp://:PORT", "tcp://:", "tcp://:*", "tcp://PORT", "tcp://*",
  /* hosts */
  "tcp://*:*", "tcp://*:0", "tcp://*:PORT", "tcp://*:", "tcp://0.0.0.0:*", "tcp://0.0.0.0:PORT",
  "tcp://127.0.0.1.:*", "tcp://127.1:*", "tcp://0x7f.1:*", "tcp://2130706433:*", "tcp://127.0.0.300:*",
  "tcp://127.0.0.1.1:*", "tcp://lo:*", "tcp://lo0nonesuch:*", "tcp:// 127.0.0.1:*",
  "tcp://127.0.0.1 :*", "tcp://%:*", "tcp://lo%:*", "tcp://127.0.0.1%lo:*", "tcp://127.0.0.1%1:*",
  "tcp://127.0.0.1%nonesuch:*", "tcp://127.0.0.1%0:*", "tcp://!:PORT", "tcp://-:PORT", "tcp://_:PORT",
  "tcp://[127.0.0.1]:PORT", "tcp://[127.0.0.1:PORT", "tcp://127.0.0.1]:PORT", "tcp://[]:PORT",
  "tcp://[:PORT", "tcp://]:PORT", "tcp://[*]:PORT", "tcp://240.0.0.1:*",
  /* IPv6 */
  "tcp://[::1]:*", "tcp://[::1]:PORT", "tcp://::1:PORT", "tcp://[::]:*", "tcp://[::]:PORT",
  "tcp://[::1%lo]:PORT", "tcp://[::1%1]:PORT", "tcp://[::ffff:127.0.0.1]:PORT", "tcp://[::g]:PORT",
  "tcp://[0:0:0:0:0:0:0:1]:PORT", "tcp://[::1]", "tcp://[::1]:",
  /* source addresses */
  "tcp://127.0.0.1:0;127.0.0.1:PORT", "tcp://127.0.0.1:*;127.0.0.1:PORT",
  "tcp://127.0.0.2:*;127.0.0.1:PORT", "tcp://;127.0.0.1:PORT", "tcp://127.0.0.1:PORT;",
  "tcp://127.0.0.1;127.0.0.1:PORT", "tcp://127.0.0.1:PORT;127.0.0.1:0", "tcp://lo:0;127.0.0.1:PORT",
  /* inproc */
  "inproc://NAME", "inproc:// ", "inproc:///", "inproc://*", "inproc://a/b:c", "inproc://inproc://x",
  /* ipc */
  "ipc://NAME", "ipc://./NAME", "ipc://NAME with space", "ipc://no-such-directory/x", "ipc://@",
  "ipc://@NAME", "ipc://@@NAME", "ipc://@/NAME/x", "ipc:///", "ipc://.", "ipc://file/x", "ipc://file",
  "ipc://directory", "ipc://directory/", "ipc://directory/x", "ipc://:PORT", "ipc://NAME:PORT",
  "ipc:///proc/x"};

enum { ENDPOINT_COUNT = sizeof ENDPOINTS / sizeof *ENDPOINTS };

/* Replaces each word of the pattern. */
static void replace_words (const char *pattern, char *out, size_t size, const char *port,
                           const char *high, const char *name)
{
    size_t at = 0;
    while (*pattern && at + 1 < size) {
        const char *word = NULL;
        if (strncmp (pattern, "PORT", 4) == 0)
            word = port;
        else if (strncmp (pattern, "HIGH", 4) == 0)
            word = high;
        else if (strncmp (pattern, "NAME", 4) == 0)
            word = name;
        if (!word) {
            out[at++] = *pattern++;
            continue;
        }
        at += (size_t) snprintf (out + at, size - at, "%s", word);
        pattern += 4;
    }
    out[at < size ? at : size - 1] = 0;
}

/* An endpoint that can be used here and now, made from a pattern. */
static const char *endpoint_of (const char *pattern, char *out, size_t size)
{
    char port[16], high[16], name[32];
    const int number = strstr (pattern, "PORT") || strstr (pattern, "HIGH") ? free_port () : 0;
    snprintf (port, sizeof port, "%d", number);
    snprintf (high, sizeof high, "%d", number + 65536);
    snprintf (name, sizeof name, "name%d", (int) getpid ());
    replace_words (pattern, out, size, port, high, name);
    return out;
}

/* Runs of digits after a colon and this process's name, the only parts that vary, are masked. */
static const char *masked_endpoint (const char *endpoint)
{
    static char masked[512];
    char name[32];
    size_t at = 0;
    snprintf (name, sizeof name, "name%d", (int) getpid ());
    const char *host = endpoint;
    while (*endpoint && at + 8 < sizeof masked) {
        if (strncmp (endpoint, name, strlen (name)) == 0) {
            at += (size_t) sprintf (masked + at, "NAME");
            endpoint += strlen (name);
        } else if (isdigit ((unsigned char) *endpoint) && endpoint > host
                   && strchr (":+* ", endpoint[-1]) && strspn (endpoint, "0123456789") >= 4) {
            at += (size_t) sprintf (masked + at, "PORT");
            endpoint += strspn (endpoint, "0123456789");
        } else
            masked[at++] = *endpoint++;
    }
    masked[at] = 0;
    return masked;
}

static const char *last_endpoint (void *socket)
{
    static char text[512];
    size_t size = sizeof text;
    text[0] = 0;
    if (zmq_getsockopt (socket, ZMQ_LAST_ENDPOINT, text, &size) == -1)
        return "(none)";
    return text;
}

/* The files and directories that some of the endpoints name. */
static void prepare_files (void)
{
    if (system ("mkdir -p directory && rm -f file && echo text > file") != 0)
        give_up ("files");
}

#endif
