/* A clock that nearly stands still: LD_PRELOAD it, with SLOW_CLOCK naming a file of two int64, both 0 at first.
 *
 *   [0] when the slow time began (CLOCK_MONOTONIC, ns); 0: time passes as it does
 *   [1] how far the clock is behind the real one, in ns
 *
 * Under valgrind a program is fifty times slower, and the machine makes it slower still; its timers are not. Here they
 * are: what is done every half a second is then done once in many thousand requests, as it is in earnest. Whoever
 * waits for a moment waits as much longer. Locks with a timeout (the interpreter's own, most of all) wait as ever.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SLOWER 100
#define SECOND 1000000000LL
#define LONGEST_MS 3600000

static volatile int64_t *shared;

static int64_t real_ns(void) {
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    return now.tv_sec * SECOND + now.tv_nsec;
}

__attribute__((constructor)) static void attach(void) {
    const char *path = getenv("SLOW_CLOCK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *found = fd < 0 ? MAP_FAILED : mmap(NULL, 16, PROT_READ, MAP_SHARED, fd, 0);
    if (fd >= 0) close(fd);
    if (found != MAP_FAILED) shared = found;
}

static int is_slow(void) { return shared && shared[0]; }

static int64_t lag_ns(void) {
    int64_t since = shared ? shared[0] : 0, behind = shared ? shared[1] : 0;
    return since ? behind + (real_ns() - since) / SLOWER * (SLOWER - 1) : behind;
}

static struct timespec moved(const struct timespec *from, int64_t by_ns) {
    int64_t ns = from->tv_sec * SECOND + from->tv_nsec + by_ns;
    return (struct timespec){ns / SECOND, ns % SECOND};
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    long failed = syscall(SYS_clock_gettime, clock, now);
    if (!failed && (clock == CLOCK_MONOTONIC || clock == CLOCK_REALTIME)) *now = moved(now, -lag_ns());
    return failed ? -1 : 0;
}

static int longer(int timeout_ms) {
    if (timeout_ms <= 0 || !is_slow()) return timeout_ms;
    return timeout_ms > LONGEST_MS / SLOWER ? LONGEST_MS : timeout_ms * SLOWER;
}

int epoll_wait(int epoll, struct epoll_event *events, int most, int timeout_ms) {
    return epoll_pwait(epoll, events, most, longer(timeout_ms), NULL);
}

int poll(struct pollfd *fds, nfds_t count, int timeout_ms) {
    return syscall(SYS_poll, fds, count, longer(timeout_ms));
}

/* A moment on our clock, as the kernel's clock has it. */
int sem_clockwait(sem_t *sem, clockid_t clock, const struct timespec *until) {
    int (*next)(sem_t *, clockid_t, const struct timespec *) = dlsym(RTLD_NEXT, "sem_clockwait");
    struct timespec real = moved(until, lag_ns());
    return next(sem, clock, &real);
}

int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until) {
    static int (*next)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    if (!next) next = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2"); /* not the one of LinuxThreads */
    if (!next) next = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    struct timespec real = moved(until, lag_ns());
    return next(cond, mutex, &real);
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *request, struct timespec *rest) {
    struct timespec real = flags & TIMER_ABSTIME ? moved(request, lag_ns()) : *request;
    return syscall(SYS_clock_nanosleep, clock, flags, &real, rest) ? errno : 0;
}
