/* The bench's upstream: an HTTP/1.1 server in OpenAI's shape that is never the bottleneck.
 *
 *   mock --port N [--certificate PEM --key PEM]
 *
 * One thread, one epoll, keep-alive. Any request is answered with a chat completion of 521 bytes, or, when
 * its body says "stream":true, with 64 SSE events of 188 bytes, each its own chunk. Request headers change it:
 *   x-mock-size: BYTES    size of the completion
 *   x-mock-events: N      events of a stream
 *   x-mock-pace: MS       pause between events; 0 (default) is none
 *   x-mock-close: 1       the connection ends after the answer, which says so
 *   x-mock-gulp: 1        the whole stream in one write; otherwise each event is its own write, as upstreams do
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEAD_BYTES 16384   /* request head and the part of the body that is looked at */
#define REPLY_BYTES 521
#define EVENT_BYTES 188
#define EVENTS 64
#define WHEEL_SLOTS 4096   /* of one millisecond each */
#define BATCH 256          /* epoll events taken at once */

static const char REPLY_HEAD[] =
    "HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Type: %s\r\n%s"
    "openai-organization: bench\r\nopenai-processing-ms: 12\r\nopenai-version: 2020-10-01\r\n"
    "x-ratelimit-limit-requests: 10000\r\nx-ratelimit-limit-tokens: 2000000\r\n"
    "x-ratelimit-remaining-requests: 9999\r\nx-ratelimit-remaining-tokens: 1999981\r\n"
    "x-request-id: req_0123456789abcdef0123456789abcdef\r\n\r\n";
#define CLOSING "Connection: close\r\n"
static const char USAGE[] = "\"usage\":{\"prompt_tokens\":19,\"completion_tokens\":64,\"total_tokens\":83}";

/* A whole answer, made once per shape. A paced stream sends `first` bytes, then `step` bytes per event. */
struct answer {
    int stream, usage, closing;
    size_t wanted;  /* bytes of a completion, or events of a stream */
    char *data;
    size_t length, first, step;
    struct answer *next;
};

struct connection {
    int fd;
    SSL *ssl;
    char head[HEAD_BYTES];
    size_t filled;         /* bytes in head */
    size_t body_left;      /* bytes of the request body not yet received */
    int answering, wants_write, closing, gulp;
    struct answer *answer;
    size_t sent, allowed;  /* bytes of the answer that went, and that may go by now */
    long pace_ms;
    long long due_ms;
    struct connection *later, **hold;  /* place in the wheel; hold is NULL when not in it */
};

static int poll_fd;
static SSL_CTX *tls;
static struct answer *answers;
static struct connection *wheel[WHEEL_SLOTS];
static long timers;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static long long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* -- answers */

static char *put(char *at, const char *text, size_t length) {
    memcpy(at, text, length);
    return at + length;
}

static char *fill(char *at, int with, size_t length) {
    memset(at, with, length);
    return at + length;
}

static char *put_chunk(char *at, const char *text, size_t length) {
    at += sprintf(at, "%zx\r\n", length);
    at = put(at, text, length);
    return put(at, "\r\n", 2);
}

static void make_completion(struct answer *answer) {
    static const char before[] =
        "{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"gpt-4o-mini\","
        "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"";
    static const char after[] = "\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}],";
    size_t fixed = strlen(before) + strlen(after) + strlen(USAGE) + 1;
    size_t padding = answer->wanted > fixed ? answer->wanted - fixed : 0;
    char length[64];
    char *at = answer->data = malloc(answer->wanted + fixed + 2048);
    sprintf(length, "%sContent-Length: %zu\r\n", answer->closing ? CLOSING : "", fixed + padding);
    at += sprintf(at, REPLY_HEAD, "application/json", length);
    at = put(at, before, strlen(before));
    at = fill(at, 'a', padding);
    at = put(at, after, strlen(after));
    at = put(at, USAGE, strlen(USAGE));
    at = put(at, "}", 1);
    answer->length = answer->first = at - answer->data;
}

static void make_stream(struct answer *answer) {
    static const char before[] =
        "data: {\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"
        "\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"";
    const char *after = answer->usage ? "\"},\"finish_reason\":null}],\"usage\":null}\n\n"
                                      : "\"},\"finish_reason\":null}]}\n\n";
    char event[EVENT_BYTES], usage[512];
    size_t padding = EVENT_BYTES - strlen(before) - strlen(after);
    put(fill(put(event, before, strlen(before)), 'a', padding), after, strlen(after));
    char *at = answer->data = malloc(answer->wanted * (EVENT_BYTES + 8) + 4096);
    at += sprintf(at, REPLY_HEAD, "text/event-stream; charset=utf-8",
                  answer->closing ? CLOSING "Transfer-Encoding: chunked\r\n" : "Transfer-Encoding: chunked\r\n");
    for (size_t number = 0; number < answer->wanted; number++) {
        char *start = at;
        at = put_chunk(at, event, EVENT_BYTES);
        answer->step = at - start;
        if (number == 0)
            answer->first = at - answer->data;
    }
    if (answer->usage) {
        int length = sprintf(usage, "data: {\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\","
                                    "\"created\":1700000000,\"model\":\"gpt-4o-mini\",\"choices\":[],%s}\n\n", USAGE);
        at = put_chunk(at, usage, length);
    }
    at = put_chunk(at, "data: [DONE]\n\n", 14);
    at = put(at, "0\r\n\r\n", 5);
    answer->length = at - answer->data;
}

static struct answer *find_answer(int stream, int usage, int closing, size_t wanted) {
    for (struct answer *answer = answers; answer; answer = answer->next)
        if (answer->stream == stream && answer->usage == usage && answer->closing == closing &&
            answer->wanted == wanted)
            return answer;
    struct answer *made = calloc(1, sizeof *made);
    made->stream = stream, made->usage = usage, made->closing = closing, made->wanted = wanted;
    stream ? make_stream(made) : make_completion(made);
    made->next = answers;
    return answers = made;
}

/* -- the wheel: who sends an event in which millisecond */

static void wheel_add(struct connection *c) {
    struct connection **slot = &wheel[c->due_ms % WHEEL_SLOTS];
    c->later = *slot;
    if (c->later)
        c->later->hold = &c->later;
    *slot = c;
    c->hold = slot;
    timers++;
}

static void wheel_remove(struct connection *c) {
    if (!c->hold)
        return;
    *c->hold = c->later;
    if (c->later)
        c->later->hold = c->hold;
    c->hold = NULL;
    timers--;
}

/* -- one connection */

static ssize_t wire_read(struct connection *c, char *into, size_t space) {
    if (!c->ssl)
        return recv(c->fd, into, space, 0);
    ERR_clear_error();
    int got = SSL_read(c->ssl, into, space);
    if (got > 0)
        return got;
    int why = SSL_get_error(c->ssl, got);
    errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
    return why == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

static ssize_t wire_write(struct connection *c, const char *from, size_t length) {
    if (!c->ssl)
        return send(c->fd, from, length, MSG_NOSIGNAL);
    ERR_clear_error();
    int put = SSL_write(c->ssl, from, length);
    if (put > 0)
        return put;
    int why = SSL_get_error(c->ssl, put);
    errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
    return -1;
}

static void watch(struct connection *c, int wants_write) {
    if (c->wants_write == wants_write)
        return;
    c->wants_write = wants_write;
    struct epoll_event event = {.events = EPOLLIN | (wants_write ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(poll_fd, EPOLL_CTL_MOD, c->fd, &event);
}

static void drop(struct connection *c) {
    wheel_remove(c);
    if (c->ssl)
        SSL_free(c->ssl);
    close(c->fd);
    free(c);
}

/* How much goes in the next write. */
static size_t next_write(struct connection *c) {
    struct answer *answer = c->answer;
    size_t may = c->allowed - c->sent, events_end = answer->first + answer->step * (answer->wanted - 1);
    if (!answer->stream || c->gulp || c->sent >= events_end)
        return may;
    size_t event = c->sent < answer->first ? answer->first - c->sent
                                           : answer->step - (c->sent - answer->first) % answer->step;
    return event < may ? event : may;
}

/* Sends what may go. Returns 0 when the connection was dropped. */
static int flush(struct connection *c) {
    while (c->sent < c->allowed) {
        ssize_t put = wire_write(c, c->answer->data + c->sent, next_write(c));
        if (put < 0 && errno == EAGAIN) {
            watch(c, 1);
            return 1;
        }
        if (put < 0) {
            drop(c);
            return 0;
        }
        c->sent += put;
    }
    watch(c, 0);
    if (c->sent < c->answer->length)
        return 1;
    wheel_remove(c);
    c->answering = 0;
    if (!c->closing)
        return 1;
    drop(c);
    return 0;
}

static int tick(struct connection *c, long long now) {
    struct answer *answer = c->answer;
    while (c->due_ms <= now && c->allowed < answer->length) {
        c->allowed += answer->step;
        if (c->allowed + answer->step > answer->first + answer->step * (answer->wanted - 1))
            c->allowed = answer->length;
        c->due_ms += c->pace_ms;
    }
    wheel_remove(c);
    if (c->allowed < answer->length)
        wheel_add(c);
    return flush(c);
}

static long header_number(const char *head, const char *name, long otherwise) {
    const char *found = strcasestr(head, name);
    return found ? atol(found + strlen(name)) : otherwise;
}

static int says(const char *body, const char *name) {
    const char *found = strstr(body, name);
    if (!found)
        return 0;
    found += strlen(name);
    return strncmp(found + strspn(found, " :"), "true", 4) == 0;
}

static int start_answer(struct connection *c) {
    const char *body = strstr(c->head, "\r\n\r\n") + 4;
    int stream = says(body, "\"stream\"");
    long wanted = stream ? header_number(c->head, "\r\nx-mock-events:", EVENTS)
                         : header_number(c->head, "\r\nx-mock-size:", REPLY_BYTES);
    int leaves = header_number(c->head, "\r\nx-mock-close:", 0) != 0;
    c->answer = find_answer(stream, stream && says(body, "\"include_usage\""), leaves, wanted);
    c->pace_ms = stream ? header_number(c->head, "\r\nx-mock-pace:", 0) : 0;
    c->gulp = header_number(c->head, "\r\nx-mock-gulp:", 0) != 0;
    c->closing = leaves || strcasestr(c->head, "\r\nconnection: close") != NULL;
    c->answering = 1;
    c->sent = c->filled = 0;
    c->allowed = c->pace_ms ? c->answer->first : c->answer->length;
    if (c->pace_ms) {
        c->due_ms = now_ms() + c->pace_ms;
        wheel_add(c);
    }
    return flush(c);
}

/* Looks at what arrived. Returns 0 when the connection was dropped. */
static int look(struct connection *c) {
    c->head[c->filled] = 0;
    char *end = strstr(c->head, "\r\n\r\n");
    if (!end && c->filled == HEAD_BYTES - 1) {
        fprintf(stderr, "mock: request head over %d bytes\n", HEAD_BYTES);
        drop(c);
        return 0;
    }
    if (!end)
        return 1;
    if (strcasestr(c->head, "\r\ntransfer-encoding:")) {
        fprintf(stderr, "mock: chunked requests are not known here\n");
        drop(c);
        return 0;
    }
    size_t length = header_number(c->head, "\r\ncontent-length:", 0);
    size_t here = c->filled - (end + 4 - c->head);
    c->body_left = length > here ? length - here : 0;
    return c->body_left ? 1 : start_answer(c);
}

static void on_readable(struct connection *c) {
    static char rest[1 << 18];
    for (;;) {
        int skipping = c->body_left && c->filled == HEAD_BYTES - 1;
        char *into = skipping ? rest : c->head + c->filled;
        size_t space = skipping ? sizeof rest : HEAD_BYTES - 1 - c->filled;
        ssize_t got = wire_read(c, into, space);
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0 || c->answering || (c->body_left && (size_t)got > c->body_left)) {
            drop(c);  /* left, or sent a second request before the answer: no proxy does that */
            return;
        }
        if (!skipping)
            c->filled += got;
        if (c->body_left) {
            c->body_left -= got;
            c->head[c->filled] = 0;
            if (c->body_left == 0 && !start_answer(c))
                return;
        } else if (!look(c)) {
            return;
        }
        if (!c->ssl && (size_t)got < space)
            return;
    }
}

static void on_acceptable(int listener) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct connection *c = calloc(1, sizeof *c);
        c->fd = fd;
        if (tls) {
            c->ssl = SSL_new(tls);
            SSL_set_fd(c->ssl, fd);
            SSL_set_accept_state(c->ssl);
        }
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event);
    }
}

static void run_wheel(long long *seen) {
    long long now = now_ms();
    if (now - *seen > WHEEL_SLOTS)
        *seen = now - WHEEL_SLOTS;
    for (; *seen < now; ++*seen) {
        struct connection *c = wheel[(*seen + 1) % WHEEL_SLOTS], *later;
        for (; c; c = later) {
            later = c->later;
            if (c->due_ms <= now)
                tick(c, now);
        }
    }
}

static void serve(int listener) {
    struct epoll_event events[BATCH];
    long long seen = now_ms();
    for (;;) {
        int count = epoll_wait(poll_fd, events, BATCH, timers ? 1 : -1);
        if (!timers)
            seen = now_ms();
        for (int i = 0; i < count; i++) {
            struct connection *c = events[i].data.ptr;
            if (!c)
                on_acceptable(listener);
            else if ((events[i].events & EPOLLOUT) && c->answering && !flush(c))
                continue;
            else if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                on_readable(c);
        }
        if (timers)
            run_wheel(&seen);
    }
}

static int listen_on(int port) {
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 16384))
        die("mock: listen");
    return fd;
}

static void use_tls(const char *certificate, const char *key) {
    tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (SSL_CTX_use_certificate_chain_file(tls, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1) {
        ERR_print_errors_fp(stderr);
        exit(1);
    }
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"port", required_argument, 0, 'p'},
                                            {"certificate", required_argument, 0, 'c'},
                                            {"key", required_argument, 0, 'k'},
                                            {0}};
    const char *certificate = NULL, *key = NULL;
    int option, port = 9000;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'p')
            port = atoi(optarg);
        else if (option == 'c')
            certificate = optarg;
        else if (option == 'k')
            key = optarg;
        else
            return 2;
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    if (certificate && key)
        use_tls(certificate, key);
    int listener = listen_on(port);
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &event);
    serve(listener);
}
