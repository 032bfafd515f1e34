/* The bench's load: many HTTP/1.1 connections from one thread, with the heads of OpenAI's own SDK.
 *
 *   load --mode closed|open|hold --port N [--connections N] [--seconds S] [--ramp-ms MS] [--requests N]
 *        [--stream] [--gulp] [--events N] [--pace MS] [--size BYTES] [--body BYTES] [--key KEY] [--model NAME] [--path P]
 *        [--header 'NAME: VALUE']... [--proxied] [--fresh]
 *
 * closed  every connection sends its next request when the answer is there, for S seconds (or N requests)
 * open    every connection sends one request, opened over the ramp; ends when all are answered, or after S seconds
 * hold    like open, but prints its line when every connection has begun to be answered and no sooner leaves
 *         than its standard input ends
 * With --proxied no two heads are alike: each has its own X-Forwarded-For, X-Request-ID and traceparent.
 * With --fresh each request has a connection of its own, from here to the server and from there to its upstream.
 * Prints one line of JSON. Latencies are in microseconds.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEAD_BYTES 8192
#define BATCH 256
#define CHUNKED (-1)

static struct {
    const char *mode, *key, *model, *path;
    int port, connections, stream, gulp, proxied, fresh;
    long events, pace_ms, size_bytes, body_bytes, ramp_ms, requests;
    double seconds;
} given = {"closed", "sk-bench", "gpt-4o-mini", "/v1/chat/completions", 4000, 1, 0, 0, 0, 0, 0, 0, 0, 300, 0, 0, 3.0};

struct series {
    uint32_t *values;
    size_t count, space;
};

struct connection {
    int fd, begun, done;
    size_t sent;                 /* bytes of the request */
    char head[HEAD_BYTES];
    size_t head_filled;
    int in_body;
    long long left;              /* of the body or chunk; CHUNKED with `in_size`: reading a size line */
    int chunked, in_size, last_chunk, after_size;
    long long size;
    int previous;                /* last byte of content: "\n\n" ends an event */
    long long asked_us, event_us;
    int events;
};

static char *request;
static char extra[4096];             /* request headers that the options asked for */
static size_t request_bytes;
static char *marks[8];                 /* where each request has digits of its own */
static int mark_count;
static int poll_fd;
static struct series latencies, firsts, gaps;
static struct {
    long answered, failed, broken, events, reconnects, begun;
    long long received;
} seen;
static long long stop_us;
static long long now_us;

static long long clock_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

/* -- what was measured */

static void note(struct series *series, long long value) {
    if (series->count == series->space) {
        series->space = series->space ? series->space * 2 : 65536;
        series->values = realloc(series->values, series->space * sizeof *series->values);
    }
    series->values[series->count++] = value < 0 ? 0 : value;
}

static int by_value(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void print_series(const char *name, struct series *series) {
    if (!series->count)
        return;
    qsort(series->values, series->count, sizeof *series->values, by_value);
    size_t last = series->count - 1;
    printf(", \"%s_p50_us\": %u, \"%s_p99_us\": %u, \"%s_max_us\": %u", name, series->values[last / 2], name,
           series->values[(size_t)(last * 0.99)], name, series->values[last]);
}

static void report(double seconds) {
    printf("{\"answered\": %ld, \"failed\": %ld, \"broken\": %ld, \"reconnects\": %ld, \"events\": %ld, "
           "\"received_bytes\": %lld, \"sent_bytes\": %lld, \"seconds\": %.4f",
           seen.answered, seen.failed, seen.broken, seen.reconnects, seen.events, seen.received,
           (long long)request_bytes * seen.answered, seconds);
    print_series("latency", &latencies);
    print_series("first", &firsts);
    print_series("gap", &gaps);
    printf("}\n");
    fflush(stdout);
}

/* -- the request: what the OpenAI SDK for Python sends */

static void add_header(const char *name, long value) {
    size_t used = strlen(extra);
    if (value)
        snprintf(extra + used, sizeof extra - used, "%s: %ld\r\n", name, value);
}

static void add_line(const char *line) {
    size_t used = strlen(extra);
    snprintf(extra + used, sizeof extra - used, "%s\r\n", line);
}

#define MARK "@@@@@@@@"
#define MARK_BYTES 8

static void add_proxy_lines(void) {
    add_line("X-Forwarded-Proto: https");
    add_line("X-Forwarded-For: 2001:db8::" MARK);
    add_line("X-Request-ID: 7b1f0c9e-4d2a-4e8b-9a3c-0000" MARK);
    add_line("traceparent: 00-4bf92f3577b34da6a3ce929d" MARK "-00f067aa" MARK "-01");
}

/* Before a request is sent; what is left of one that was sent in part gets the digits of the next, which does no harm. */
static void number_request(void) {
    static uint32_t number;
    char digits[MARK_BYTES + 1];
    number++;
    for (int i = 0; i < mark_count; i++) {
        snprintf(digits, sizeof digits, "%08x", number * 2654435761u + i);
        memcpy(marks[i], digits, MARK_BYTES);
    }
}

static void make_request(void) {
    char body_start[512];
    static const char body_end[] = "\"}]}";
    int length = snprintf(body_start, sizeof body_start,
                          "{\"model\":\"%s\",\"temperature\":0.7,\"max_tokens\":256,%s\"messages\":["
                          "{\"role\":\"system\",\"content\":\"You are a helpful assistant.\"},"
                          "{\"role\":\"user\",\"content\":\"",
                          given.model, given.stream ? "\"stream\":true," : "");
    long padding = given.body_bytes - length - (long)strlen(body_end);
    if (padding < 0)
        padding = 0;
    long body_bytes = length + padding + strlen(body_end);
    add_header("x-mock-size", given.size_bytes);
    add_header("x-mock-events", given.events);
    add_header("x-mock-pace", given.pace_ms);
    add_header("x-mock-gulp", given.gulp);
    add_header("x-mock-close", given.fresh);
    if (given.proxied)
        add_proxy_lines();
    request = malloc(body_bytes + 8192);
    char *at = request + sprintf(request,
                           "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept-Encoding: gzip, deflate\r\n"
                           "Connection: %s\r\nAccept: application/json\r\nContent-Type: application/json\r\n"
                           "User-Agent: OpenAI/Python 3.52.0\r\nX-Stainless-Lang: python\r\n"
                           "X-Stainless-Package-Version: 3.52.0\r\nX-Stainless-OS: Linux\r\n"
                           "X-Stainless-Arch: x64\r\nX-Stainless-Runtime: CPython\r\n"
                           "X-Stainless-Runtime-Version: 3.11.7\r\nX-Stainless-Retry-Count: 0\r\n"
                           "Authorization: Bearer %s\r\n%sContent-Length: %ld\r\n\r\n",
                           given.path, given.port, given.fresh ? "close" : "keep-alive", given.key, extra, body_bytes);
    for (char *mark = request; (mark = strstr(mark, MARK)); mark += MARK_BYTES)
        marks[mark_count++] = mark;
    memcpy(at, body_start, length);
    memset(at + length, 'a', padding);
    memcpy(at + length + padding, body_end, strlen(body_end));
    request_bytes = at + body_bytes - request;
}

/* -- one connection */

static void watch(struct connection *c, int operation, uint32_t what) {
    struct epoll_event event = {.events = what, .data.ptr = c};
    if (epoll_ctl(poll_fd, operation, c->fd, &event))
        die("load: epoll_ctl");
}

static void open_connection(struct connection *c) {
    int on = 1;
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(given.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        die("load: socket");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS)
        die("load: connect");
    watch(c, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
}

static void begin_request(struct connection *c) {
    c->sent = c->head_filled = 0;
    c->in_body = c->events = c->begun = c->done = 0;
    c->chunked = c->in_size = c->last_chunk = c->after_size = c->previous = 0;
    c->asked_us = now_us;
    c->event_us = 0;
    number_request();
}

static int may_go_on(void) {
    if (given.requests)
        return seen.answered < given.requests;
    return now_us < stop_us;
}

static void send_request(struct connection *c) {
    while (c->sent < request_bytes) {
        ssize_t put = send(c->fd, request + c->sent, request_bytes - c->sent, MSG_NOSIGNAL);
        if (put < 0) {
            if (errno == EAGAIN || errno == ENOTCONN)
                watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
            return;
        }
        c->sent += put;
    }
}

static void on_writable(struct connection *c) {
    send_request(c);
    if (c->sent == request_bytes)
        watch(c, EPOLL_CTL_MOD, EPOLLIN);
}

static void finish(struct connection *c) {
    int failed = strncmp(c->head + 9, "200", 3) != 0;
    if (failed && seen.failed++ == 0)
        fprintf(stderr, "load: %.*s\n", (int)strcspn(c->head, "\r"), c->head);
    seen.answered += !failed;
    note(&latencies, now_us - c->asked_us);
    c->done = 1;
    if (!given.fresh && strcmp(given.mode, "closed") == 0 && may_go_on()) {
        begin_request(c);
        send_request(c);
    }
}

static void on_closed(struct connection *c) {
    close(c->fd);
    c->fd = -1;
    int closed_mode = strcmp(given.mode, "closed") == 0;
    if (!c->done && !(closed_mode && c->head_filled == 0 && !may_go_on()))
        seen.broken++;
    c->done = 1;
    if (closed_mode && may_go_on()) {
        seen.reconnects++;
        begin_request(c);
        open_connection(c);
    }
}

static void count_events(struct connection *c, const char *content, size_t length) {
    int before = c->events;
    for (const char *end = content + length; content < end; content++) {
        c->events += *content == '\n' && c->previous == '\n';
        c->previous = *content;
    }
    if (c->events == before)
        return;
    seen.events += c->events - before;
    if (c->event_us != now_us)  /* events that came in one read are one arrival */
        note(c->event_us ? &gaps : &firsts, now_us - (c->event_us ? c->event_us : c->asked_us));
    c->event_us = now_us;
}

static void begin_body(struct connection *c) {
    const char *length = strcasestr(c->head, "\r\ncontent-length:");
    c->in_body = 1;
    c->chunked = c->in_size = length == NULL;
    c->size = 0;
    c->left = length ? atoll(length + 17) : 0;
    if (!length && !strcasestr(c->head, "\r\ntransfer-encoding: chunked")) {
        fprintf(stderr, "load: an answer without length or chunks: %.*s\n", 200, c->head);
        exit(1);
    }
    if (!c->begun++)
        seen.begun++;
}

static int hex(char digit) {
    return digit <= '9' ? digit - '0' : (digit | 32) - 'a' + 10;
}

/* One byte of a chunk's size line or of the line end after its data. */
static void on_size_byte(struct connection *c, char byte) {
    if (byte == '\r')
        return;
    if (byte != '\n') {
        c->size = c->size * 16 + hex(byte);
        c->after_size = 1;
        return;
    }
    if (c->last_chunk) {
        c->in_body = 0;
        return;
    }
    if (!c->after_size)
        return;
    c->after_size = 0;
    c->last_chunk = c->size == 0;
    c->left = c->size;
    c->in_size = c->size == 0;
    c->size = 0;
}

static void on_data(struct connection *c, const char *data, size_t length) {
    const char *end = data + length;
    while (data < end && c->in_body) {
        if (c->chunked && c->in_size) {
            on_size_byte(c, *data++);
            continue;
        }
        size_t here = end - data;
        if ((long long)here > c->left)
            here = c->left;
        if (given.stream)
            count_events(c, data, here);
        c->left -= here;
        data += here;
        if (c->left == 0 && c->chunked)
            c->in_size = 1;
        else if (c->left == 0)
            c->in_body = 0;
    }
    if (!c->in_body)
        finish(c);
}

static void on_head(struct connection *c, const char *data, size_t length) {
    size_t before = c->head_filled, space = HEAD_BYTES - 1 - before;
    size_t taken = length < space ? length : space;
    memcpy(c->head + before, data, taken);
    c->head_filled += taken;
    c->head[c->head_filled] = 0;
    char *end = strstr(c->head, "\r\n\r\n");
    if (!end)
        return;
    *(end + 2) = 0;
    size_t head_here = end + 4 - c->head - before;
    begin_body(c);
    if (length > head_here || c->left == 0)
        on_data(c, data + head_here, length - head_here);
}

static void on_readable(struct connection *c) {
    static char data[1 << 18];
    ssize_t got = recv(c->fd, data, sizeof data, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        on_closed(c);
        return;
    }
    seen.received += got;
    if (c->in_body)
        on_data(c, data, got);
    else if (!c->done)
        on_head(c, data, got);
}

/* -- the run */

static int all_done(struct connection *all, int opened) {
    if (opened < given.connections)
        return 0;
    for (int i = 0; i < opened; i++)
        if (!all[i].done)
            return 0;
    return 1;
}

static int finished(struct connection *all, int opened) {
    if (strcmp(given.mode, "closed") == 0)
        return !may_go_on();
    if (strcmp(given.mode, "hold") == 0 && seen.begun + seen.broken >= given.connections)
        return 1;
    return now_us >= stop_us || all_done(all, opened);
}

static void turn(void) {
    struct epoll_event events[BATCH];
    int count = epoll_wait(poll_fd, events, BATCH, 1);
    now_us = clock_us();
    for (int i = 0; i < count; i++) {
        struct connection *c = events[i].data.ptr;
        if (events[i].events & EPOLLOUT)
            on_writable(c);
        if (c->fd >= 0 && (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
            on_readable(c);
    }
}

static int wanted_open(long long start_us) {
    if (given.ramp_ms == 0)
        return given.connections;
    long long wanted = (now_us - start_us) * given.connections / (given.ramp_ms * 1000LL) + 1;
    return wanted < given.connections ? wanted : given.connections;
}

static void run(void) {
    struct connection *all = calloc(given.connections, sizeof *all);
    long long start_us = now_us = clock_us();
    long long checked_us = start_us;
    int opened = 0, over = 0;
    stop_us = start_us + (long long)(given.seconds * 1e6);
    while (!over) {
        for (; opened < wanted_open(start_us); opened++) {
            begin_request(&all[opened]);
            open_connection(&all[opened]);
        }
        turn();
        if (now_us - checked_us < 2000)
            continue;
        checked_us = now_us;
        over = finished(all, opened);
    }
    for (int i = 0; i < given.connections && strcmp(given.mode, "open") == 0; i++)
        seen.broken += i >= opened || (!all[i].done && all[i].fd >= 0);
    report((now_us - start_us) / 1e6);
    if (strcmp(given.mode, "hold") == 0) {
        char end;
        while (read(0, &end, 1) > 0)
            ;
    }
}

static const struct option OPTIONS[] = {
    {"mode", 1, 0, 'm'},     {"port", 1, 0, 'p'},   {"connections", 1, 0, 'c'}, {"seconds", 1, 0, 's'},
    {"ramp-ms", 1, 0, 'r'},  {"stream", 0, 0, 'S'}, {"events", 1, 0, 'e'},      {"pace", 1, 0, 'P'},
    {"size", 1, 0, 'z'},     {"body", 1, 0, 'b'},   {"key", 1, 0, 'k'},         {"model", 1, 0, 'M'},
    {"path", 1, 0, 'u'},     {"requests", 1, 0, 'n'}, {"header", 1, 0, 'H'}, {"gulp", 0, 0, 'g'},
    {"proxied", 0, 0, 'x'}, {"fresh", 0, 0, 'f'},  {0},
};

static int set_option(int option) {
    switch (option) {
    case 'm': given.mode = optarg; break;
    case 'p': given.port = atoi(optarg); break;
    case 'c': given.connections = atoi(optarg); break;
    case 's': given.seconds = atof(optarg); break;
    case 'r': given.ramp_ms = atol(optarg); break;
    case 'S': given.stream = 1; break;
    case 'g': given.gulp = 1; break;
    case 'e': given.events = atol(optarg); break;
    case 'P': given.pace_ms = atol(optarg); break;
    case 'z': given.size_bytes = atol(optarg); break;
    case 'b': given.body_bytes = atol(optarg); break;
    case 'k': given.key = optarg; break;
    case 'M': given.model = optarg; break;
    case 'u': given.path = optarg; break;
    case 'n': given.requests = atol(optarg); break;
    case 'x': given.proxied = 1; break;
    case 'f': given.fresh = 1; break;
    case 'H': add_line(optarg); break;
    default: return 0;
    }
    return 1;
}

int main(int argc, char **argv) {
    int option;
    while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1)
        if (!set_option(option))
            return 2;
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    make_request();
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    run();
    return 0;
}
